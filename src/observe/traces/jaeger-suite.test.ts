import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { spansOfOtlp } from './otlp.ts';
import { TraceStore } from './store.ts';

const SUITE = join(import.meta.dirname, '../../../../shared/data/suites/jaeger');
const skip = existsSync(SUITE) ? false : "Jaeger's fixtures are not on this machine";

interface Case {
  Caption: string;
  Query: { ServiceName: string; OperationName: string; Tags: Record<string, unknown> | null; StartTimeMin: string; StartTimeMax: string; DurationMin: number; DurationMax: number; NumTraces: number };
  ExpectedFixtures: string[];
}

const cases: Case[] = skip === false ? (JSON.parse(readFileSync(join(SUITE, 'queries.json'), 'utf8')) as Case[]) : [];
const traceId = (fixture: string) => spansOfOtlp(JSON.parse(readFileSync(join(SUITE, 'traces', `${fixture}.json`), 'utf8'))).spans[0]?.traceId;
/** RFC 3339 with microseconds, which Date would cut off. */
const microseconds = (text: string) => Date.parse(`${text.slice(0, 19)}Z`) * 1000 + Number((/\.(\d+)/.exec(text)?.[1] ?? '').padEnd(6, '0'));

for (const { Caption, Query, ExpectedFixtures } of cases) {
  test(`Jaeger's query fixture finds its traces: ${Caption}`, () => {
    const store = new TraceStore();
    for (const file of readdirSync(join(SUITE, 'traces'))) store.add(spansOfOtlp(JSON.parse(readFileSync(join(SUITE, 'traces', file), 'utf8'))).spans);
    const found = store.find({
      service: Query.ServiceName,
      operation: Query.OperationName,
      tags: new Map(Object.entries(Query.Tags ?? {}).map(([key, value]) => [key, String(value)])),
      startUs: microseconds(Query.StartTimeMin),
      endUs: microseconds(Query.StartTimeMax),
      minDurationUs: Query.DurationMin / 1000,
      maxDurationUs: Query.DurationMax / 1000,
      limit: Query.NumTraces,
    });
    assert.deepEqual(found.map((trace) => trace.traceId).sort(), ExpectedFixtures.map(traceId).sort());
  });
}

test("Jaeger's fixtures are there", { skip }, () => assert.ok(cases.length > 0));
