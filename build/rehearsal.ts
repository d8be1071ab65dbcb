/** Runs the proxy's script as a sidecar would: configuration from its file, a request over two hops with mutual TLS between them, answers
 * of an application. Then keeps V8's code of it for the sidecars to come. `node FLAGS build/rehearsal.ts SCRIPT`; flags of Node are
 * those of the image, since V8 takes code only where they are the same. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createRegistry, fromJson, toBinary, type DescMessage, type JsonValue } from '@bufbuild/protobuf';
import { encodeFrame } from '../src/grpc/frames.ts';
import { createAuthority } from '../src/pki/authority.ts';
import { encodeResources } from '../src/xds/client/delta-codec.ts';
import { ClusterSchema } from '../src/xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '../src/xds/generated/envoy/config/listener/v3/listener_pb.js';
import { RouterSchema } from '../src/xds/generated/envoy/extensions/filters/http/router/v3/router_pb.js';
import { HttpConnectionManagerSchema } from '../src/xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { DownstreamTlsContextSchema, UpstreamTlsContextSchema } from '../src/xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { keptCodeFile, loadScript } from './load-script.ts';

type Json = { readonly [name: string]: JsonValue };

const HOUR_MS = 3_600_000;
const REQUESTS = 3;
const ATTEMPTS = 500;
const registry = createRegistry(RouterSchema, HttpConnectionManagerSchema, DownstreamTlsContextSchema, UpstreamTlsContextSchema);

const home = mkdtempSync(join(tmpdir(), 'lateen-rehearsal-'));

async function rehearse(path: string): Promise<void> {
  const app = createServer((_, response) => response.end('hello'));
  await new Promise<void>((done) => app.listen(pipe('app'), done));
  writeFileSync(join(home, 'last-good.bin'), await configuration());
  Object.assign(process.env, {
    POD_NAME: 'rehearsal', POD_NAMESPACE: 'default', INSTANCE_IP: '127.0.0.1', LATEEN_DATA_DIR: home, ENVOY_STATUS_PORT: '0', ENVOY_PROMETHEUS_PORT: '0',
    // Nobody listens there; pages get any free port.
    PROXY_CONFIG: JSON.stringify({ discoveryAddress: '127.0.0.1:1', proxyAdminPort: 0, statusPort: 0 }),
  });
  const loaded = loadScript(path);
  // The script is of src/proxy/run.ts.
  const { runProxy } = loaded.exports as { runProxy(argv: readonly string[]): Promise<void> };
  await runProxy(['proxy', 'sidecar', '--log_output_level=default:none']);
  for (let done = 0, attempt = 0; done < REQUESTS; attempt++) {
    if (attempt === ATTEMPTS) throw new Error('the proxy answers no request');
    if (await isAnswered()) done++;
    else await new Promise((next) => setTimeout(next, 10));
  }
  writeFileSync(keptCodeFile(path), loaded.script.createCachedData());
}

const pipe = (name: string): string => join(home, `${name}.sock`);

function isAnswered(): Promise<boolean> {
  return new Promise((resolved) => {
    const one = request({ socketPath: pipe('outbound'), path: '/', headers: { host: 'app' } }, (response) => {
      response.resume();
      response.on('end', () => resolved(response.statusCode === 200));
    });
    one.on('error', () => resolved(false));
    one.end();
  });
}

/** Both sides of a hop, in one proxy. */
async function configuration(): Promise<Buffer> {
  const authority = await createAuthority({ commonName: 'rehearsal', lifetimeMs: HOUR_MS });
  const own = await authority.issue({ subject: {}, sans: { uri: ['spiffe://cluster.local/ns/default/sa/rehearsal'] }, lifetimeMs: HOUR_MS, usages: ['client', 'server'] });
  const common: Json = {
    tls_certificates: [{ certificate_chain: { inline_string: own.certificatePem }, private_key: { inline_string: own.keyPem } }],
    validation_context: { trusted_ca: { inline_string: authority.certificatePem }, match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { prefix: 'spiffe://cluster.local/' } }] },
  };
  const tls = (type: DescMessage, more: Json): Json => ({ transport_socket: { name: 'tls', typed_config: typed(type, { common_tls_context: common, ...more }) } });
  return Buffer.concat([
    encoded(ClusterSchema, [cluster('mesh', 'inbound', tls(UpstreamTlsContextSchema, { sni: 'app' })), cluster('app', 'app', {})]),
    encoded(ListenerSchema, [listener('outbound', 'mesh', {}), listener('inbound', 'app', tls(DownstreamTlsContextSchema, { require_client_certificate: true }))]),
  ]);
}

const typed = (type: DescMessage, fields: Json): Json => ({ '@type': `type.googleapis.com/${type.typeName}`, ...fields });

const cluster = (name: string, to: string, tls: Json): Json => ({
  name, type: 'STATIC', connect_timeout: '5s', ...tls,
  load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: pipe(to) } } } }] }] },
});

function listener(name: string, to: string, tls: Json): Json {
  const manager = typed(HttpConnectionManagerSchema, {
    stat_prefix: name,
    route_config: { name, virtual_hosts: [{ name: 'app', domains: ['app', '*'], routes: [{ match: { prefix: '/' }, route: { cluster: to, timeout: '0s', retry_policy: { retry_on: 'connect-failure,refused-stream', num_retries: 2 } } }] }] },
    http_filters: [{ name: 'router', typed_config: typed(RouterSchema, {}) }],
  });
  return { name, address: { pipe: { path: pipe(name) } }, filter_chains: [{ ...tls, filters: [{ name: 'http', typed_config: manager }] }] };
}

function encoded(schema: DescMessage, jsons: readonly Json[]): Buffer {
  const resources = jsons.map((json) => ({ name: String(json['name']), version: '1', value: toBinary(schema, fromJson(schema, json, { registry })) }));
  return encodeFrame(encodeResources(`type.googleapis.com/${schema.typeName}`, resources));
}

const script = process.argv[2];
if (script === undefined) throw new Error('which script?');
try {
  await rehearse(resolve(script));
} finally {
  rmSync(home, { recursive: true, force: true });
}
// The proxy serves on.
process.exit(0);
