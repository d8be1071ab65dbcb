/** Every response flag that people look for is shown by a scenario, through Envoy and our proxy alike, or has a reason why not. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import test from 'node:test';
import type { Scenario, Step } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';
import { SCENARIOS as RAW } from './raw/scenarios.ts';

const FILE = '../shared/design/FEATURES.md';

/** Shown by scenarios of raw resources, whose flags are compared too. */
const BY_RAW: Readonly<Record<string, string>> = { RL: 'a local rate limit answers 429' };
const NONE: Readonly<Record<string, string>> = {
  LR: 'a stream that a proxy itself gives up without an answer: nothing that the mesh configures leads there',
  RLSE: 'there is no rate limit service in Istio’s API',
  DPE: 'a request that cannot be read has no head by which its line would be found: test/hostile compares the answers',
};

function flagsOf(step: Step): string[] {
  if (step.do === 'change') return [];
  if (step.do === 'together') return step.steps.flatMap(flagsOf);
  const flags = step.expect.log?.['flags'];
  return typeof flags === 'string' ? flags.split(',') : [];
}

test('every core and common response flag has a scenario, or a reason why not', { skip: existsSync(FILE) ? false : `${FILE} is not here` }, () => {
  const shown = new Set(SCENARIOS.flatMap((scenario: Scenario) => scenario.steps.flatMap(flagsOf)));
  const lines = readFileSync(FILE, 'utf8').split('\n');
  const start = lines.findIndex((line) => line.startsWith('### 18.1'));
  const table = lines.slice(start, lines.findIndex((line, i) => i > start && line.startsWith('### ')));
  const named = table.flatMap((line) => (/^\| ([A-Z, /]+) \|.*\| (.*(?:core|common).*) \|$/.exec(line) ?? []).slice(1, 2)).flatMap((cell) => cell.split(/[, /]+/));
  const common = ['DPE', 'UPE', 'SI'];
  const rare = ['IH', 'UMSDR', 'OM', 'DF', 'DO', 'DR', 'UDO', 'RFCF', 'NFCF'];
  const wanted = [...new Set([...named, ...common])].filter((flag) => !rare.includes(flag));
  assert.ok(wanted.length > 15, 'the table can be read');
  assert.deepEqual(wanted.filter((flag) => !shown.has(flag) && BY_RAW[flag] === undefined && NONE[flag] === undefined), []);
  assert.deepEqual(Object.values(BY_RAW).filter((name) => !RAW.some((scenario) => scenario.name === name)), []);
});
