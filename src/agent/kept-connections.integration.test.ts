/** What is changed often holds for connections that are open, and ends none: an Envoy ends those of a filter chain that changes. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { eventually } from '../testkit/eventually.ts';
import { deadPort } from '../testkit/loopback.ts';
import { IDENTITY, makeDirectory, meshOf, startAgent } from './test-agent.ts';
import { startTestControlPlane } from './test-control-plane.ts';

const skip = process.env['LATEEN_ENVOY'] ? false : 'no envoy binary: set LATEEN_ENVOY';

/** Says `ok`; what is upgraded says everything again. */
async function startServer(t: TestContext): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((_request, response) => response.end('ok'));
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  // A TCP server's address is never a path.
  return (server.address() as AddressInfo).port;
}

/** One connection, as long as it is open. */
class Client {
  readonly #socket: Socket;
  #text = '';
  #isOpen = true;

  constructor(t: TestContext, port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (chunk) => (this.#text += chunk.toString())).on('error', () => {}).on('close', () => (this.#isOpen = false)).on('end', () => (this.#isOpen = false));
    t.after(() => this.#socket.destroy());
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** @returns what came up to a text */
  async say(text: string, until: RegExp): Promise<string> {
    this.#text = '';
    this.#socket.write(text);
    await eventually(() => assert.match(this.#text, until), { timeoutMs: 10_000 });
    return this.#text;
  }

  async status(path: string): Promise<number> {
    const head = await this.say(`GET ${path} HTTP/1.1\r\nhost: web.mesh\r\n\r\n`, /\r\n\r\n/);
    return Number(/^HTTP\/1.1 (\d+)/.exec(head)?.[1]);
  }
}

const object = (group: string, kind: string, spec: string) => `---\n{apiVersion: ${group}.istio.io/v1, kind: ${kind}, metadata: {name: more, namespace: istio-system}, spec: ${spec}}\n`;
const deny = (path: string) => object('security', 'AuthorizationPolicy', `{selector: {matchLabels: {istio: gateway}}, action: DENY, rules: [{to: [{operation: {paths: [${path}]}}]}]}`);
const TOKENS = object('security', 'RequestAuthentication', '{selector: {matchLabels: {istio: gateway}}, jwtRules: [{issuer: a, jwks: "{}"}]}');
const LOGS = object('telemetry', 'Telemetry', '{accessLogging: [{}]}');

test('policies and logs change under open connections, which stay and follow them', { skip }, async (t) => {
  const gatewayPort = await deadPort();
  const mesh = meshOf(gatewayPort, await startServer(t));
  const control = await startTestControlPlane({ mesh, identity: IDENTITY });
  t.after(() => control.stop());
  const { page, ready } = await startAgent(t, control, makeDirectory(t));
  await ready();

  const requests = new Client(t, gatewayPort);
  const stream = new Client(t, gatewayPort);
  assert.equal(await requests.status('/a'), 200);
  await stream.say('GET /ws HTTP/1.1\r\nhost: web.mesh\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n', /101 Switching/);

  for (const [more, path, want] of [[deny('/a'), '/a', 403], [deny('/b'), '/a', 200], [deny('/b'), '/b', 403], [LOGS + TOKENS + deny('/a'), '/b', 200], [LOGS + TOKENS + deny('/a'), '/a', 403], ['', '/a', 200]] as const) {
    control.change(mesh + more);
    await eventually(async () => assert.equal(await requests.status(path), want), { timeoutMs: 10_000, everyMs: 20 });
  }
  assert.equal(await stream.say('still there?', /there\?/), 'still there?');
  assert.deepEqual([requests.isOpen, stream.isOpen], [true, true]);
  const { body } = await page('prometheus', '/stats/prometheus');
  assert.match(body, /^envoy_listener_manager_listener_added\S* 1$/m);
  const changed = body.split('\n').filter((line) => /^envoy_listener_manager_(listener_modified|listener_in_place_updated|total_filter_chains_draining)\S* [1-9]/.test(line));
  assert.deepEqual(changed, []);
});
