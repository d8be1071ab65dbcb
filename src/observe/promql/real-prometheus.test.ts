/** The same samples in a real Prometheus and in our store: the same queries must give the same answers. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { eventually } from '../../testkit/eventually.ts';
import { deadPort } from '../../testkit/loopback.ts';
import { rangeData } from '../http/prometheus-format.ts';
import { decodeExposition, decodeSeries, isExpositionError } from '../metrics/exposition.ts';
import { MetricStore } from '../metrics/store.ts';
import { QueryEngine } from './engine.ts';

const installed = ['prometheus', 'promtool'].every((name) => spawnSync(name, ['--version']).status === 0);
const skip = installed ? false : 'prometheus and promtool are not installed';

/** Half a second off every round step, so that no sample lies exactly on the edge of a range (see below). */
const START = 1_700_000_000.5;
const STEP = 5;
const COUNT = 240;
const BOUNDS = ['1', '5', '25', '100', '+Inf'];

/** Counters that restart, histograms, a gauge that goes up and down, a series that begins late. */
function exposition(): string {
  const lines = ['# TYPE istio_requests counter'];
  const at = (i: number) => START + i * STEP;
  for (const [version, code, rate] of [['v1', '200', 9], ['v1', '503', 0.5], ['v2', '200', 1]] as const) {
    for (let i = 0; i < COUNT; i++) {
      const since = version === 'v2' ? i - 60 : i > 150 ? i - 150 : i;
      if (since >= 0) lines.push(`istio_requests_total{reporter="destination",destination_version="${version}",response_code="${code}"} ${Math.floor(since * rate * STEP + Math.sin(i) * rate) + 10} ${at(i)}`);
    }
  }
  lines.push('# TYPE istio_request_duration_milliseconds histogram');
  for (const version of ['v1', 'v2']) {
    BOUNDS.forEach((le, b) => {
      for (let i = 0; i < COUNT; i++) lines.push(`istio_request_duration_milliseconds_bucket{destination_version="${version}",le="${le}"} ${Math.floor(i * (b + 1) * (version === 'v1' ? 3 : 1.5))} ${at(i)}`);
    });
  }
  lines.push('# TYPE connections gauge');
  for (let i = 0; i < COUNT; i++) lines.push(`connections{pod="a"} ${(Math.sin(i / 7) * 50).toFixed(6)} ${at(i)}`);
  return `${lines.join('\n')}\n# EOF\n`;
}

const QUERIES = [
  'istio_requests_total',
  'rate(istio_requests_total[1m])',
  'increase(istio_requests_total[7m])',
  'irate(istio_requests_total[30s])',
  'sum by (destination_version) (rate(istio_requests_total[2m]))',
  'sum(rate(istio_requests_total{response_code=~"5.."}[2m])) / sum(rate(istio_requests_total[2m]))',
  'sum by (destination_version) (rate(istio_requests_total[2m])) / ignoring(destination_version) group_left sum(rate(istio_requests_total[2m]))',
  'histogram_quantile(0.95, sum by (le, destination_version) (rate(istio_request_duration_milliseconds_bucket[2m])))',
  'histogram_quantile(0.5, sum by (le) (rate(istio_request_duration_milliseconds_bucket[3m])))',
  'topk(1, rate(istio_requests_total[1m]))',
  'delta(connections[3m])',
  'deriv(connections[4m])',
  'predict_linear(connections[4m], 600)',
  'avg_over_time(connections[2m])',
  'stddev_over_time(connections[2m])',
  'quantile_over_time(0.9, connections[5m])',
  'max_over_time(rate(istio_requests_total[1m])[5m:15s])',
  'resets(istio_requests_total[15m])',
  'changes(connections[1m])',
  'connections offset 3m',
  'connections @ 1700000303',
  'clamp(connections, -10, 10) > bool 0',
  'abs(connections) > 20 or vector(0)',
  'label_replace(istio_requests_total, "class", "${1}xx", "response_code", "(.)..")',
  'count by (response_code) (istio_requests_total) unless on(response_code) istio_requests_total{destination_version="v2"}',
  'absent(nothing{app="x"})',
  'round(connections, 0.5)',
  'quantile(0.3, istio_request_duration_milliseconds_bucket)',
  'stdvar(istio_request_duration_milliseconds_bucket)',
  'time() - timestamp(connections)',
  'day_of_week() + hour() + minute()',
  'istio_requests_total % 7 ^ 2',
];

describe('a real Prometheus with the same samples', { skip }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'lateen-prometheus-'));
  const store = new MetricStore({ retentionMs: Infinity });
  const engine = new QueryEngine({ store, clock: systemClock });
  let stop = () => {};
  let url = '';

  before(async () => {
    const text = exposition();
    const decoded = decodeExposition(text, 'openmetrics');
    assert.ok(!isExpositionError(decoded));
    for (const sample of decoded.samples) {
      const labels = decodeSeries(sample.series);
      if (labels) store.append(labels, sample.timeMs ?? 0, sample.value);
    }
    writeFileSync(join(dir, 'metrics.txt'), text);
    writeFileSync(join(dir, 'prometheus.yml'), '');
    execFileSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', join(dir, 'metrics.txt'), join(dir, 'data')], { stdio: 'ignore' });
    const port = await deadPort();
    url = `http://127.0.0.1:${port}`;
    const flags = [`--config.file=${join(dir, 'prometheus.yml')}`, `--storage.tsdb.path=${join(dir, 'data')}`, '--storage.tsdb.retention.time=100y', `--web.listen-address=127.0.0.1:${port}`];
    const child = spawn('prometheus', flags, { stdio: 'ignore' });
    stop = () => void child.kill('SIGKILL');
    await eventually(async () => assert.equal((await fetch(`${url}/-/ready`)).status, 200), { timeoutMs: 20_000, everyMs: 100 });
  });

  after(() => {
    stop();
    rmSync(dir, { recursive: true, force: true });
  });

  for (const query of QUERIES) {
    test(`gives the same answer to ${query}`, async () => {
      // Off the samples' beat, because Prometheus 2 and 3 differ in whether a range includes its very first moment.
      const [start, end, step] = [START + 301.8, START + 1101.8, 37];
      const params = new URLSearchParams({ query, start: String(start), end: String(end), step: String(step) });
      const theirs = ((await (await fetch(`${url}/api/v1/query_range?${params}`)).json()) as { data: Matrix }).data;
      const ours = rangeData(await engine.range({ query, startMs: start * 1000, endMs: end * 1000, stepMs: step * 1000 })) as Matrix;
      assert.ok(theirs.result.length > 0, 'the query finds something');
      requireSame(ours, theirs);
    });
  }
});

interface Matrix {
  result: { metric: Record<string, string>; values: [number, string][] }[];
}

function requireSame(ours: Matrix, theirs: Matrix): void {
  const [mine, other] = [sorted(ours), sorted(theirs)];
  assert.deepEqual(mine.map((row) => [row.metric, row.values.map(([time]) => time)]), other.map((row) => [row.metric, row.values.map(([time]) => time)]));
  mine.forEach((row, i) =>
    row.values.forEach(([time, value], j) => {
      const [got, want] = [Number(value), Number(other[i]?.values[j]?.[1])];
      // What is left is the order of additions.
      assert.ok(Object.is(got, want) || Math.abs(got - want) <= 1e-9 * Math.max(1, Math.abs(want)), `${JSON.stringify(row.metric)} at ${time}: ${got} instead of ${want}`);
    }),
  );
}

const keyOf = (row: Matrix['result'][number]) => JSON.stringify(Object.entries(row.metric).sort());
const sorted = ({ result }: Matrix) => [...result].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
