import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runScript } from './script.ts';

const SUITE = join(import.meta.dirname, '../../../../../shared/data/suites/promql');

/** What differs on purpose: the official editor grammar, which the parser is built on, does not read it. */
const KNOWN = new Set(['2.']);

/** Expectations of each file that are judged; the rest needs native histograms, which the store does not hold. */
const JUDGED: Readonly<Record<string, number>> = { 'aggregators.test': 125, 'collision.test': 2, 'functions.test': 302, 'literals.test': 25, 'operators.test': 144, 'selectors.test': 31 };

const skip = existsSync(SUITE) ? false : 'the PromQL suite is not on this machine';
const files = skip === false ? readdirSync(SUITE).filter((name) => name.endsWith('.test')) : ['(suite)'];

for (const name of files) {
  test(`Prometheus' ${name} gives Prometheus' answers`, { skip }, async (t) => {
    const outcomes = await runScript(readFileSync(join(SUITE, name), 'utf8'));
    const count = (result: string) => outcomes.filter((o) => o.result === result).length;
    t.diagnostic(`${name}: ${count('pass')} pass, ${count('fail')} fail, ${count('skip')} out of scope`);
    assert.deepEqual(outcomes.filter((o) => o.result === 'fail' && !KNOWN.has(o.query)), []);
    assert.ok(count('pass') + count('fail') >= (JUDGED[name] ?? 1), 'fewer expectations were judged than before');
  });
}
