/** TLS towards servers side by side with Envoy: whom both accept, what both say of those they refuse, and what a server behind the
 * PROXY protocol is told. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTls, type TLSSocket, type TlsOptions } from 'node:tls';
import test from 'node:test';
import { type Authority, createAuthority } from '../../../src/pki/authority.ts';
import { eventually } from '../../../src/testkit/eventually.ts';
import type { ServerProcess } from '../../../src/testkit/server-process.ts';
import { bundleStaticProxy, startEnvoy, startStaticProxy, type StaticResources } from '../../../src/testkit/static-proxy/start.ts';
import { sendRaw } from './raw-client.ts';
import { typed } from './scenario.ts';

const ENVOY_PORT = 23960;
const LATEEN_PORT = 24960;
const HOUR = 3_600_000;

type Json = Record<string, unknown>;

const ours = createAuthority({ commonName: 'ours', lifetimeMs: HOUR });
const other = createAuthority({ commonName: 'other', lifetimeMs: HOUR });
const issue = (by: Authority, dns: string[], more: object = {}) => by.issue({ subject: {}, sans: { dns, ...more }, lifetimeMs: HOUR, usages: ['server', 'client'] });
const certificate = issue(ours, ['good.example', 'also.example']);
const revoked = issue(ours, ['good.example']);
const client = issue(ours, ['client.example']);

interface Case {
  readonly name: string;
  readonly server: keyof typeof SERVERS;
  /** Fields of the validation context; undefined: the server is not verified. */
  readonly trust?: Json;
  readonly tls?: Json;
  readonly cluster?: Json;
  /** Wraps the transport socket. */
  readonly announce?: 'V1' | 'V2';
  readonly isPlain?: boolean;
  readonly host?: string;
  /** The body of the answer is compared; default true. */
  readonly tells?: boolean;
  /** Requests one after the other; the last answer counts. */
  readonly requests?: number;
}

const root = (authority: Authority): Json => ({ trusted_ca: { inline_string: authority.certificatePem } });
const named = (...names: string[]): Json => ({ match_typed_subject_alt_names: names.map((exact) => ({ san_type: 'DNS', matcher: { exact } })) });
const AUTO = { typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed('envoy.extensions.upstreams.http.v3.HttpProtocolOptions', { upstream_http_protocol_options: { auto_sni: true, auto_san_validation: true }, explicit_http_config: { http_protocol_options: {} } }) } };
const ONCE = { typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed('envoy.extensions.upstreams.http.v3.HttpProtocolOptions', { common_http_protocol_options: { max_requests_per_connection: 1 }, explicit_http_config: { http_protocol_options: {} } }) } };

/** Says by which name it was asked for, whether the client had a certificate, and whether the session is an old one. */
const speak = (socket: TLSSocket) => answer(socket, () => [socket.servername || 'no name', socket.getPeerX509Certificate() ? 'client certificate' : 'no certificate', socket.isSessionReused() ? 'resumed' : 'new'].join(', '));
const tlsServer = (options: TlsOptions = {}) => createTls({ cert: certificate.certificatePem, key: certificate.keyPem, ...options }, speak);
const SERVERS = {
  good: () => tlsServer(),
  tls12: () => tlsServer({ maxVersion: 'TLSv1.2' }),
  wildcard: () => tlsServer({ cert: wildcard.certificatePem, key: wildcard.keyPem }),
  revoked: () => tlsServer({ cert: revoked.certificatePem, key: revoked.keyPem }),
  addressed: () => tlsServer({ cert: addressed.certificatePem, key: addressed.keyPem }),
  mutual: () => tlsServer({ requestCert: true, rejectUnauthorized: true, ca: ours.certificatePem, maxVersion: 'TLSv1.2' }),
  old: () => tlsServer({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
  plain: () => createTcp((socket) => answer(socket, () => 'plain')),
  closing: () => createTcp((socket) => socket.on('error', () => {}).once('data', () => socket.destroy())),
  silent: () => createTcp((socket) => void socket.on('error', () => {})),
  /** Reads a PROXY header by itself, then goes on as a TLS or plain server would. */
  behind: () => createTcp((socket) => answer(socket, (head) => proxyText(head))),
  behindTls: () => createTcp((socket) => {
    socket.on('error', () => {}).once('data', (first: Buffer) => {
      const length = first[0] === 0x0d ? 28 : first.indexOf('\r\n') + 2;
      const inner = tlsServer();
      inner.on('secureConnection', () => {});
      socket.pause();
      if (first.length > length) socket.unshift(first.subarray(length));
      inner.emit('connection', socket);
    });
  }),
} as const satisfies Record<string, () => Server>;
const wildcard = issue(ours, ['*.shop.example']);
const addressed = issue(ours, [], { ip: ['10.1.2.3'] });

const CASES: readonly Case[] = [
  { name: 'a trusted server', server: 'good', trust: { ...root(ours), ...named('good.example') } },
  { name: 'any of several names', server: 'good', trust: { ...root(ours), ...named('no.example', 'also.example') } },
  { name: 'nobody is verified', server: 'good' },
  { name: 'another authority', server: 'good', trust: root(other) },
  { name: 'another name', server: 'good', trust: { ...root(ours), ...named('bad.example') } },
  { name: 'a wildcard covers one label', server: 'wildcard', trust: { ...root(ours), ...named('www.shop.example') } },
  { name: 'a wildcard does not cover two', server: 'wildcard', trust: { ...root(ours), ...named('a.b.shop.example') } },
  { name: 'a wildcard does not cover none', server: 'wildcard', trust: { ...root(ours), ...named('shop.example') } },
  { name: 'letter case does not matter', server: 'good', trust: { ...root(ours), ...named('GOOD.Example') } },
  { name: 'an address as name', server: 'addressed', trust: { ...root(ours), match_typed_subject_alt_names: [{ san_type: 'IP_ADDRESS', matcher: { exact: '10.1.2.3' } }] } },
  { name: 'a DNS name is no address', server: 'addressed', trust: { ...root(ours), ...named('10.1.2.3') } },
  { name: 'revoked', server: 'revoked', trust: { ...root(ours), crl: { inline_string: 'CRL' } } },
  { name: 'not revoked', server: 'good', trust: { ...root(ours), crl: { inline_string: 'CRL' } } },
  { name: 'with a client certificate', server: 'mutual', trust: root(ours), tls: { tls_certificates: [{ certificate_chain: { inline_string: client.certificatePem }, private_key: { inline_string: client.keyPem } }] } },
  { name: 'without the client certificate that is demanded', server: 'mutual', trust: root(ours) },
  { name: 'too old a version', server: 'old', trust: root(ours) },
  { name: 'a server that speaks no TLS', server: 'plain', trust: root(ours) },
  { name: 'a server that hangs up', server: 'closing', trust: root(ours) },
  { name: 'a server that never answers', server: 'silent', trust: root(ours) },
  { name: 'asked for by the host of the request', server: 'good', trust: root(ours), cluster: AUTO, host: 'also.example:8443' },
  { name: 'which it has to prove', server: 'good', trust: root(ours), cluster: AUTO, host: 'elsewhere.example' },
  { name: 'an address is no server name', server: 'addressed', trust: root(ours), cluster: AUTO, host: '10.1.2.3' },
  { name: 'a session is resumed', server: 'good', trust: root(ours), cluster: ONCE, requests: 2 },
  { name: 'a session is resumed over TLS 1.2', server: 'tls12', trust: root(ours), cluster: ONCE, requests: 3 },
  { name: 'PROXY protocol 1', server: 'behind', isPlain: true, announce: 'V1' },
  { name: 'PROXY protocol 2', server: 'behind', isPlain: true, announce: 'V2' },
  { name: 'PROXY protocol before TLS', server: 'behindTls', trust: root(ours), announce: 'V2' },
];

function answer(socket: Socket, text: (head: Buffer) => string): void {
  socket.on('error', () => {});
  let head = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    if (head.indexOf('\r\n\r\n', 13) < 0) return;
    const body = text(head);
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    head = Buffer.alloc(0);
  });
}

/** Ports of clients differ from run to run, everything else is told. */
function proxyText(head: Buffer): string {
  if (head[0] !== 0x0d) return head.toString('latin1').split('\r\n')[0]?.replace(/ \d+ (\d+)$/, ' PORT $1').replace(String(ENVOY_PORT), 'LISTENER').replace(String(LATEEN_PORT), 'LISTENER') ?? '';
  return `${head.subarray(12, 24).toString('hex')} ${[ENVOY_PORT, LATEEN_PORT].includes(head.readUInt16BE(26)) ? 'LISTENER' : 'another port'}`;
}

/** A revocation list by openssl, with one certificate on it. */
function revocationList(home: string): string {
  const file = (name: string, content: string) => {
    writeFileSync(join(home, name), content);
    return join(home, name);
  };
  const config = file('ca.cnf', `[ca]\ndefault_ca=c\n[c]\ndatabase=${file('index', '')}\ncrlnumber=${file('number', '01')}\ndefault_md=sha256\ndefault_crl_days=1\n`);
  const signer = ['-config', config, '-keyfile', file('ca.key', ours.keyPem), '-cert', file('ca.pem', ours.certificatePem)];
  execFileSync('openssl', ['ca', ...signer, '-revoke', file('revoked.pem', revoked.certificatePem)], { stdio: 'ignore' });
  return execFileSync('openssl', ['ca', ...signer, '-gencrl'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

function resourcesOf(listen: number, ports: ReadonlyMap<string, number>, crl: string): StaticResources {
  const log = [{ name: 'log', typed_config: typed('envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', { log_format: { json_format: { flags: '%RESPONSE_FLAGS%', details: '%RESPONSE_CODE_DETAILS%', id: '%REQ(X-SCENARIO)%' } } }) }];
  const routes = CASES.map((_, i) => ({ match: { prefix: `/${i}/` }, route: { cluster: `c${i}`, timeout: '5s' } }));
  const manager = typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'x', access_log: listen === ENVOY_PORT ? log : [], route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [{ name: 'router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router') }],
  });
  const secured = ({ trust, tls }: Case): Json => ({
    name: 'envoy.transport_sockets.tls',
    typed_config: typed('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', { sni: 'good.example', common_tls_context: { tls_params: { tls_maximum_protocol_version: 'TLSv1_3' }, ...(trust ? { validation_context: JSON.parse(JSON.stringify(trust).replace('"CRL"', JSON.stringify(crl))) as Json } : {}), ...tls } }),
  });
  const raw = { name: 'envoy.transport_sockets.raw_buffer', typed_config: typed('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer') };
  const socket = (each: Case): Json => {
    const inner = each.isPlain ? raw : secured(each);
    return each.announce ? { name: 'envoy.transport_sockets.upstream_proxy_protocol', typed_config: typed('envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport', { config: { version: each.announce }, transport_socket: inner }) } : inner;
  };
  return {
    listeners: [{ name: 'all', address: { socket_address: { address: '127.0.0.1', port_value: listen } }, filter_chains: [{ filters: [{ name: 'hcm', typed_config: manager }] }] }],
    clusters: CASES.map((each, i) => ({
      name: `c${i}`, type: 'STATIC', connect_timeout: '0.5s', transport_socket: socket(each), ...each.cluster,
      load_assignment: { cluster_name: `c${i}`, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: ports.get(each.server) } } } }] }] },
    })),
  };
}

async function observe(proxy: { process: ServerProcess; port: number; name: string }, each: Case, i: number): Promise<object> {
  const send = (id: string) => sendRaw(proxy.port, `GET /${i}/ HTTP/1.1\r\nhost: ${each.host ?? 'good.example'}\r\nx-scenario: ${id}\r\n\r\n`);
  for (let n = 1; n < (each.requests ?? 1); n++) await send(`${proxy.name}-${i}-${n}`);
  const id = `${proxy.name}-${i}`;
  const { status, body } = await send(id);
  return eventually(() => {
    const line = proxy.process.output().split('\n').find((text) => text.includes(`"${id}"`));
    assert.ok(line, `an access-log line of ${id}`);
    const { flags, details } = JSON.parse(line.slice(line.indexOf('{'))) as { flags: string | null; details: string };
    return { status, body, flags: flags ?? '-', details };
  }, { timeoutMs: 4000 });
}

test('servers are accepted, refused and introduced as by Envoy', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'lateen-upstream-tls-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const ports = new Map<string, number>();
  for (const [name, make] of Object.entries(SERVERS)) {
    const server: Server = make();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ports.set(name, (server.address() as AddressInfo).port);
    t.after(() => server.close());
  }
  const crl = revocationList(home);
  await bundleStaticProxy();
  process.env['LOG_OUTCOMES'] = '1';
  const lateen = await startStaticProxy(home, resourcesOf(LATEEN_PORT, ports, crl), LATEEN_PORT);
  t.after(() => lateen.stop());
  const envoy = await startEnvoy(home, resourcesOf(ENVOY_PORT, ports, crl), ENVOY_PORT, 94);
  t.after(() => envoy.stop());
  for (const [i, each] of CASES.entries()) {
    await t.test(each.name, async () => {
      const theirs = await observe({ process: envoy, port: ENVOY_PORT, name: 'envoy' }, each, i);
      assert.deepEqual(await observe({ process: lateen, port: LATEEN_PORT, name: 'lateen' }, each, i), theirs);
      t.diagnostic(`${each.name}: ${JSON.stringify(theirs)}`);
    });
  }
});
