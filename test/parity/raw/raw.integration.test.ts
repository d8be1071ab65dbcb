/** The same requests through Envoy and through our data path, with the same resources: the answers, what the upstream saw, and the
 * flags and details of the access log have to be equal. Differences that we mean stand in DIFFERENCES with their reason. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { eventually } from '../../../src/testkit/eventually.ts';
import type { ServerProcess } from '../../../src/testkit/server-process.ts';
import { bundleStaticProxy, startEnvoy, startStaticProxy } from '../../../src/testkit/static-proxy/start.ts';
import { DIFFERENCES } from './differences.ts';
import { sendRaw, type RawAnswer } from './raw-client.ts';
import { resourcesOf, typed, type Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';
import { startUpstream, type SeenRequest, type Upstream } from './upstream.ts';

const ENVOY_PORTS = 23000;
const LATEEN_PORTS = 24000;
const CLOSED_PORT = 9;
const LOG_FORMAT = { flags: '%RESPONSE_FLAGS%', details: '%RESPONSE_CODE_DETAILS%', code: '%RESPONSE_CODE%', id: '%REQ(X-SCENARIO)%' };

interface Observation {
  answer: { status: number; headers: Record<string, string | undefined>; body: string };
  upstream: { method: string; path: string; body: string; headers: Record<string, string | undefined> }[];
  log: { flags: string; details: string } | undefined;
}

test('our data path answers as Envoy does on resources that no object of the mesh comes to', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'lateen-parity-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const resources = (listen: number, log: Record<string, unknown>[]) => resourcesOf(SCENARIOS, { listen, up: upstream.port, closed: CLOSED_PORT }, log);
  await bundleStaticProxy();
  process.env['LOG_OUTCOMES'] = '1';
  const lateen = await startStaticProxy(home, resources(LATEEN_PORTS, []), LATEEN_PORTS);
  t.after(() => lateen.stop());
  const envoy = await startEnvoy(home, resources(ENVOY_PORTS, [{ name: 'envoy.access_loggers.stdout', typed_config: typed('envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', { log_format: { json_format: LOG_FORMAT } }) }]), ENVOY_PORTS);
  t.after(() => envoy.stop());

  for (const [i, scenario] of SCENARIOS.entries()) {
    await t.test(scenario.name, async () => {
      const theirs = await observe(scenario, { process: envoy, port: ENVOY_PORTS + i, id: `envoy-${i}`, upstream });
      const ours = await observe(scenario, { process: lateen, port: LATEEN_PORTS + i, id: `lateen-${i}`, upstream });
      const difference = DIFFERENCES[scenario.name];
      if (difference) assert.notDeepEqual(ours, theirs, `no longer differs; remove it from the list: ${difference}`);
      else assert.deepEqual(ours, theirs);
    });
  }
});

async function observe(scenario: Scenario, through: { process: ServerProcess; port: number; id: string; upstream: Upstream }): Promise<Observation> {
  through.upstream.take();
  if (scenario.headers?.includes('x-warm: 1')) await sendRaw(through.port, requestText(scenario, `${through.id}-warm`));
  const answer = await sendRaw(through.port, requestText(scenario, through.id));
  const seen = through.upstream.take().filter((request) => request.headers['x-scenario'] === through.id);
  return { answer: reduceAnswer(scenario, answer), upstream: seen.map((request) => reduceSeen(scenario, request)), log: await readLog(through.process, { scenario, id: through.id }, answer) };
}

function requestText(scenario: Scenario, id: string): string {
  if (scenario.raw !== undefined) return scenario.raw.replace('{id}', `x-scenario: ${id}`);
  const headers = [...(scenario.headers?.some((header) => header.startsWith('host:')) ? [] : ['host: x']), `x-scenario: ${id}`, ...(scenario.headers ?? []), ...(scenario.body === undefined ? [] : [`content-length: ${scenario.body.length}`])];
  return `${scenario.method ?? 'GET'} ${scenario.path ?? '/'} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${scenario.body ?? ''}`;
}

const pick = (headers: Record<string, string>, names: readonly string[]) => Object.fromEntries(names.map((name) => [name, headers[name]]));

/** Addresses and times in texts differ from run to run; everything else of the body is compared. */
function reduceAnswer(scenario: Scenario, answer: RawAnswer): Observation['answer'] {
  return { status: answer.status, headers: pick(answer.headers, ['content-length', 'transfer-encoding', 'connection', ...(scenario.compare ?? [])]), body: answer.body.replaceAll(/127\.0\.0\.1:\d+/g, 'ADDRESS') };
}

function reduceSeen(scenario: Scenario, request: SeenRequest): Observation['upstream'][number] {
  return { method: request.method, path: request.path, body: request.body, headers: pick(request.headers, scenario.sees ?? []) };
}

/** Requests that were refused before their head could be read carry no scenario header: they are told by status alone. */
async function readLog(process: ServerProcess, of: { scenario: Scenario; id: string }, answer: RawAnswer): Promise<Observation['log']> {
  const { id, scenario } = of;
  if (scenario.raw?.includes('\r\n\r\n') === false || answer.status === 431 || answer.status === 400 || answer.status === 426 || answer.status === 0) return undefined;
  return eventually(() => {
    const line = process.output().split('\n').find((text) => text.includes(`"${id}"`));
    assert.ok(line, `an access-log line of ${id}`);
    const { flags, details } = JSON.parse(line.slice(line.indexOf('{'))) as { flags: string | null; details: string };
    return { flags: flags ?? '-', details: details.replaceAll(/127\.0\.0\.1:\d+/g, 'ADDRESS') };
  }, { timeoutMs: 4000 });
}
