/** How connections end by `delayed_close_timeout`, `drain_timeout` and `hpack_table_size`, through Envoy and through our data path: what
 * comes in which order, never how fast. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { FrameType, Setting } from '../../../src/codec/http2/frames.ts';
import { bundleStaticProxy, startEnvoy, startStaticProxy } from '../../../src/testkit/static-proxy/start.ts';
import { frame, headers, nameOf, RawHttp2Client } from '../../hostile/raw-http2.ts';
import { sendRaw } from './raw-client.ts';
import { resourcesOf, type Scenario } from './scenario.ts';
import { startUpstream } from './upstream.ts';

type Observe = (port: number, t: TestContext) => Promise<unknown>;

const REFUSED = 'GET / HTTP/1.1\r\nHost : x\r\n\r\n';
const PLAIN = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

/** What a refused client has heard when it is over, or when another one has been served since. */
const refusal = (waits: boolean): Observe => async (port, t) => {
  const socket = connect(port, '127.0.0.1', () => socket.write(REFUSED));
  t.after(() => socket.destroy());
  let text = '';
  let isOver = false;
  const over = new Promise<void>((resolve) => socket.on('error', () => {}).once('end', () => {
    isOver = true;
    resolve();
  }));
  await new Promise<void>((resolve) => socket.on('data', (part: Buffer) => {
    text += part.toString('latin1');
    resolve();
  }));
  const other = waits ? await sendRaw(port, PLAIN) : undefined;
  if (!waits) await over;
  return { status: text.slice(0, 12), isOver, other: other?.status };
};

const http2Client = (port: number, t: TestContext): RawHttp2Client => {
  const client = new RawHttp2Client(port).open();
  t.after(() => client.destroy());
  return client;
};

const SCENARIOS: readonly (readonly [Scenario, Observe])[] = [
  [{ name: 'who is refused waits for the end', manager: { delayed_close_timeout: '60s' } }, refusal(true)],
  [{ name: 'who is refused is waited for a moment', manager: { delayed_close_timeout: '0.05s' } }, refusal(false)],
  [{ name: 'nobody is waited for', manager: { delayed_close_timeout: '0s' } }, refusal(false)],
  [{ name: 'HTTP/2: who breaks a rule waits for the end', manager: { delayed_close_timeout: '60s' } }, async (port, t) => {
    const client = http2Client(port, t);
    client.send(frame(FrameType.Data, 0, 0, 'x'));
    await client.until((c) => c.goAway !== undefined);
    return { code: nameOf(client.goAway?.code), other: (await sendRaw(port, PLAIN)).status, closed: client.closed };
  }],
  [{ name: 'HTTP/2: who does not hear is served after it was told to go', manager: { drain_timeout: '60s', common_http_protocol_options: { max_connection_duration: '0.2s' } } }, async (port, t) => {
    const client = http2Client(port, t);
    await client.until((c) => c.goAway !== undefined);
    client.send(headers(1));
    await client.until((c) => c.statuses.has(1));
    return { goAways: client.goAways, status: client.statuses.get(1) };
  }],
  [{ name: 'HTTP/2: and not for ever', manager: { drain_timeout: '0.1s', common_http_protocol_options: { max_connection_duration: '0.2s' } } }, async (port, t) => {
    const client = http2Client(port, t);
    await client.until((c) => c.goAways === 2);
    return { goAways: client.goAways, code: client.goAway?.code };
  }],
  [{ name: 'HTTP/2: the size of the table of header compression is announced', manager: { http2_protocol_options: { hpack_table_size: 1000 } } }, async (port, t) => {
    const client = http2Client(port, t);
    await client.until((c) => c.settings.size > 0);
    return client.settings.get(Setting.HeaderTableSize);
  }],
];

const ENVOY_PORTS = 23_400;
const LATEEN_PORTS = 24_400;

test('connections end as they do through Envoy', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'lateen-endings-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const resources = (listen: number) => resourcesOf(SCENARIOS.map(([scenario]) => scenario), { listen, up: upstream.port, closed: 9 }, []);
  await bundleStaticProxy();
  const lateen = await startStaticProxy(home, resources(LATEEN_PORTS), LATEEN_PORTS);
  t.after(() => lateen.stop());
  const envoy = await startEnvoy(home, resources(ENVOY_PORTS), ENVOY_PORTS);
  t.after(() => envoy.stop());
  for (const [i, [{ name }, observe]] of SCENARIOS.entries()) {
    await t.test(name, async (scenario) => {
      const theirs = await observe(ENVOY_PORTS + i, scenario);
      assert.deepEqual(await observe(LATEEN_PORTS + i, scenario), theirs);
      scenario.diagnostic(JSON.stringify(theirs));
    });
  }
});
