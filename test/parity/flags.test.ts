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
/** No scenario shows them. */
const NONE: Readonly<Record<string, string>> = {
  LR: 'of what comes by HTTP/1 and HTTP/2 Envoy 1.40 makes UPE, UR or UC (raw/broken-answers.integration.test.ts: both proxies, every way to break them); LR needs HTTP/3, filters of the upstream, or the runtime flag allow_multiplexed_upstream_half_close, which is off',
  RLSE: 'there is no rate limit service in Istio’s API',
  DPE: 'a request that cannot be read has no head by which its line would be found: test/hostile compares the answers',
  DT: 'no object leads to tcp_proxy’s max_downstream_connection_duration: a DestinationRule’s maxConnectionDuration is of connections to the service',
  LH: 'of the health_check filter, which no object leads to',
  IH: 'of the router’s strict_check_headers, which no object leads to',
  OM: 'of Envoy’s overload manager, in its bootstrap',
  DO: 'of drop_overloads in endpoints, which no object leads to',
  UDO: 'the same, where everything is dropped',
  RFCF: 'of the cache filter, which no object leads to',
  NFCF: 'of filters that are fetched apart (ECDS) and are not there: what names them comes after them, and waits for them',
};

function flagsOf(step: Step): string[] {
  if (step.do === 'change' || step.do === 'eject') return [];
  if (step.do === 'together') return step.steps.flatMap(flagsOf);
  const flags = step.expect.log?.['flags'];
  return typeof flags === 'string' ? flags.split(',') : [];
}

test('every response flag has a scenario, or a reason why not', { skip: existsSync(FILE) ? false : `${FILE} is not here` }, () => {
  const shown = new Set(SCENARIOS.flatMap((scenario: Scenario) => scenario.steps.flatMap(flagsOf)));
  const lines = readFileSync(FILE, 'utf8').split('\n');
  const start = lines.findIndex((line) => line.startsWith('### 18.1'));
  const table = lines.slice(start, lines.findIndex((line, i) => i > start && line.startsWith('### ')));
  const named = table.flatMap((line) => (/^\| ([A-Z, /]+) \|.*\| (.*(?:core|common|rare).*) \|$/.exec(line) ?? []).slice(1, 2)).flatMap((cell) => cell.split(/[, /]+/));
  const wanted = [...new Set(named)];
  assert.ok(wanted.length >= 30, 'the table can be read');
  assert.deepEqual(wanted.filter((flag) => !shown.has(flag) && BY_RAW[flag] === undefined && NONE[flag] === undefined), []);
  assert.deepEqual(Object.keys(NONE).filter((flag) => shown.has(flag) || !wanted.includes(flag)), [], 'reasons for flags that are shown, or not wanted');
  assert.deepEqual(Object.values(BY_RAW).filter((name) => !RAW.some((scenario) => scenario.name === name)), []);
});
