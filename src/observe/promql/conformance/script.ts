/** Reads and runs Prometheus' own query test scripts (`load`, `clear`, `eval`) against the engine; only tests use it. */
import { systemClock } from '../../../base/clock.ts';
import { STALE, type SampleValue } from '../../metrics/chunk.ts';
import { decodeSeries } from '../../metrics/exposition.ts';
import { Labels } from '../../metrics/labels.ts';
import { MetricStore } from '../../metrics/store.ts';
import { QueryEngine } from '../engine.ts';
import { decodeNumber, decodePromDuration } from '../literals.ts';
import type { Value } from '../value.ts';

export interface Outcome {
  readonly line: number;
  readonly query: string;
  readonly result: 'pass' | 'fail' | 'skip';
  /** Why it failed or was skipped. */
  readonly detail: string;
}

interface Eval {
  readonly line: number;
  readonly kind: 'instant' | 'range';
  readonly query: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly expectFail: boolean;
  readonly body: string[];
}

/** Native histograms and experimental syntax that the engine does not claim. */
const OUT_OF_SCOPE = /\{\{|_with_nhcb|native|histogram_(sum|count|avg|stddev|stdvar|quantiles)\s*\(|\binfo\s*\(|smoothed|anchored|\bfill(_left|_right)?\b|start_timestamp|<\/|>\/|\b(min_of|max_of)\(|start\(\) *[-+]|end\(\) *[-+]/;

const second = (text: string | undefined): number => (decodePromDuration(text ?? '') ?? (decodeNumber(text ?? '') ?? 0) * 1000);

export async function runScript(text: string): Promise<Outcome[]> {
  const lines = text.split('\n');
  const outcomes: Outcome[] = [];
  let store = newStore();
  let untold = new Set<string>();
  for (let i = 0; i < lines.length; ) {
    const line = lines[i] ?? '';
    const body = bodyOf(lines, i + 1);
    if (line.startsWith('clear')) {
      store = newStore();
      untold = new Set();
    } else if (line.startsWith('load')) for (const name of load(store, second(line.split(/\s+/)[1]), body)) untold.add(name);
    else if (line.startsWith('eval')) outcomes.push(await runEval(decodeEval(line, i + 1, body), store, untold));
    i += 1 + (body.length > 0 ? countBody(lines, i + 1) : 0);
  }
  return outcomes;
}

const newStore = () => new MetricStore({ maxBytes: Infinity, retentionMs: Infinity });
const isBody = (line: string | undefined) => line !== undefined && (/^\s+\S/.test(line) || /^(expect|\{|[a-z_:]+\{)/.test(line)) && !/^(eval|load|clear)/.test(line);

function countBody(lines: readonly string[], from: number): number {
  let count = 0;
  while (isBody(lines[from + count]) || /^\s*#/.test(lines[from + count] ?? '')) count++;
  return count;
}

function bodyOf(lines: readonly string[], from: number): string[] {
  return lines
    .slice(from, from + countBody(lines, from))
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** Returns the names of metrics that carry native histograms, which were left out: queries over them are not judged. */
function load(store: MetricStore, stepMs: number, body: readonly string[]): string[] {
  const untold: string[] = [];
  // A series that stands twice in one block has the values of its last line.
  const rows = new Map<string, ReturnType<typeof decodeSeriesLine>>();
  for (const line of body) {
    if (line.includes('{{')) {
      untold.push(/^[\w:]+/.exec(line)?.[0] ?? '');
      continue;
    }
    const row = decodeSeriesLine(line);
    rows.set(row.labels.key, row);
  }
  for (const { labels, points } of rows.values()) {
    points.forEach((value, i) => {
      if (value !== undefined) store.append(labels, i * stepMs, value);
    });
  }
  return untold;
}

/** True when the query reads a metric of `untold`, by its name or by a selector without one. */
function touches(query: string, untold: ReadonlySet<string>): boolean {
  if (untold.size === 0) return false;
  return /(^|[^\w:])\{/.test(query) || [...untold].some((name) => new RegExp(`(^|[^\\w:])${name}($|[^\\w:])`).test(query));
}

function decodeSeriesLine(line: string): { labels: Labels; points: (SampleValue | undefined)[] } {
  const brace = line.lastIndexOf('}');
  const split = brace >= 0 ? brace + 1 : line.search(/\s/);
  const head = line.slice(0, split).trim();
  const labels = head === '{}' ? Labels.empty : (decodeSeries(head) ?? Labels.of((decodeSeries(`x${head}`)?.bare ?? Labels.empty).toObject()));
  return { labels, points: line.slice(split).trim().split(/\s+/).flatMap(expandPoint) };
}

/** `5`, `2+3x2`, `_x4`, `stale`. */
function expandPoint(text: string): (SampleValue | undefined)[] {
  const blank = /^_(?:x(\d+))?$/.exec(text);
  if (blank) return Array.from({ length: Number(blank[1] ?? 1) }, () => undefined);
  if (text === 'stale') return [STALE];
  const series = /^([-+]?(?:[\d.]+(?:e[-+]?\d+)?|inf|nan))(?:([-+][\d.]+(?:e[-+]?\d+)?))?x(\d+)$/i.exec(text);
  if (!series) return [decodeNumber(text) ?? Number.NaN];
  const [, start, step, times] = series;
  const first = decodeNumber(start ?? '') ?? 0;
  const by = step === undefined ? 0 : Number(step);
  return Array.from({ length: Number(times) + 1 }, (_, i) => first + by * i);
}

function decodeEval(line: string, number: number, body: string[]): Eval {
  const instant = /^eval(_\w+)?\s+instant\s+at\s+(\S+)\s+(.*)$/.exec(line);
  const range = /^eval(_\w+)?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.*)$/.exec(line);
  const expectFail = (instant?.[1] ?? range?.[1]) === '_fail' || body.some((l) => /^expect\s+fail/.test(l));
  if (instant) return { line: number, kind: 'instant', query: instant[3] ?? '', startMs: second(instant[2]), endMs: second(instant[2]), stepMs: 1, expectFail, body };
  return { line: number, kind: 'range', query: range?.[5] ?? '', startMs: second(range?.[2]), endMs: second(range?.[3]), stepMs: second(range?.[4]), expectFail, body };
}

async function runEval(spec: Eval, store: MetricStore, untold: ReadonlySet<string>): Promise<Outcome> {
  const outcome = (result: Outcome['result'], detail = ''): Outcome => ({ line: spec.line, query: spec.query, result, detail });
  if (OUT_OF_SCOPE.test(spec.query) || touches(spec.query, untold) || spec.body.some((line) => line.includes('{{'))) return outcome('skip', 'native histograms or experimental syntax');
  const engine = new QueryEngine({ store, clock: systemClock });
  let actual: Map<string, (number | undefined)[]> | string;
  const annotations = { warnings: new Set<string>(), infos: new Set<string>() };
  try {
    actual = await measure(engine, spec, annotations);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return spec.expectFail ? outcome('pass') : outcome('fail', `threw ${message}`);
  }
  if (spec.expectFail) return outcome('fail', 'expected an error');
  const difference = compare(spec, actual) ?? compareAnnotations(spec, annotations);
  return difference === undefined ? outcome('pass') : outcome('fail', difference);
}

function compareAnnotations(spec: Eval, got: { warnings: Set<string>; infos: Set<string> }): string | undefined {
  const says = (word: string) => spec.body.some((line) => new RegExp(`^expect\\s+${word}\\b`).test(line));
  if (says('warn') && got.warnings.size === 0) return 'expected a warning';
  if (says('no_warn') && got.warnings.size > 0) return `unexpected warning ${[...got.warnings].join()}`;
  if (says('info') && got.infos.size === 0) return 'expected an info';
  if (says('no_info') && got.infos.size > 0) return `unexpected info ${[...got.infos].join()}`;
  return undefined;
}

async function measure(engine: QueryEngine, spec: Eval, annotations: { warnings: Set<string>; infos: Set<string> }): Promise<Map<string, (number | undefined)[]> | string> {
  if (spec.kind === 'range') {
    const result = await engine.range({ query: spec.query, startMs: spec.startMs, endMs: spec.endMs, stepMs: spec.stepMs });
    for (const text of result.warnings) annotations.warnings.add(text);
    for (const text of result.infos) annotations.infos.add(text);
    const steps = Math.floor((spec.endMs - spec.startMs) / spec.stepMs) + 1;
    return new Map(result.series.map((series) => [series.labels.key, Array.from({ length: steps }, (_, i) => series.values[series.times.indexOf(spec.startMs + i * spec.stepMs)])]));
  }
  const result = engine.instant(spec.query, spec.startMs);
  for (const text of result.warnings) annotations.warnings.add(text);
  for (const text of result.infos) annotations.infos.add(text);
  return valuesOf(result.value);
}

function valuesOf(value: Value): Map<string, (number | undefined)[]> | string {
  if (value.t === 'string') return value.value;
  if (value.t === 'scalar') return new Map([['', [value.value]]]);
  if (value.t === 'vector') return new Map(value.samples.map((s) => [s.labels.key, [s.value]]));
  return new Map(value.series.map((s) => [s.labels.key, s.values.slice(s.from, s.to)]));
}

function compare(spec: Eval, actual: Map<string, (number | undefined)[]> | string): string | undefined {
  const text = spec.body.find((line) => line.startsWith('expect string'));
  if (text || typeof actual === 'string') return text !== undefined && typeof actual === 'string' && text.slice(14, -1).includes(actual) ? undefined : `string ${String(actual)}`;
  const rows = spec.body.filter((line) => !line.startsWith('expect')).map(decodeRow);
  const ordered = spec.body.some((line) => line.startsWith('expect ordered'));
  if (ordered && rows.map((row) => row.labels.key).join('\n') !== [...actual.keys()].join('\n')) return 'order differs';
  for (const row of rows) {
    const got = actual.get(row.labels.key);
    if (!got) return `missing ${row.labels}; got ${show(actual)}`;
    if (row.points.length > got.length || !row.points.every((want, i) => close(got[i], want)) || got.slice(row.points.length).some((v) => v !== undefined)) {
      return `${row.labels}: want ${row.points.map(String).join(' ')}, got ${got.join(' ')}`;
    }
  }
  return rows.length === actual.size ? undefined : `unexpected series: ${show(actual)}`;
}

function decodeRow(line: string): { labels: Labels; points: (SampleValue | undefined)[] } {
  return /^[-+]?(\d|\.|inf|nan)/i.test(line) && !line.includes('{') ? { labels: Labels.empty, points: expandPoint(line) } : decodeSeriesLine(line);
}

const show = (actual: Map<string, unknown>) => JSON.stringify([...actual.entries()]).replaceAll('\\u0000', '|').slice(0, 300);

function close(got: number | undefined, want: SampleValue | undefined): boolean {
  if (want === undefined || got === undefined || want === STALE) return got === want;
  if (Number.isNaN(want) || Number.isNaN(got)) return Number.isNaN(want) && Number.isNaN(got);
  if (want === got) return true;
  return Math.abs(got - want) <= 1e-6 * Math.max(Math.abs(got), Math.abs(want), Number.MIN_VALUE);
}
