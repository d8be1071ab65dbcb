/** CPU per request of one plain hop and of two hops with mutual TLS between them, beside the proxies people compare us with.
 * Peers take turns within each round, so that drift of the machine's speed meets all of them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeCertificates, type HopCertificates } from '../hop/certificates.ts';
import type { Peer } from '../hop/chain.ts';
import { envoy } from '../hop/envoy.ts';
import { haproxy } from '../hop/haproxy.ts';
import { lateen } from '../hop/lateen.ts';
import { nginx, startUpstream } from '../hop/nginx.ts';
import { runWrk } from '../load.ts';
import { cpuSeconds, pssMegabytes } from '../process-figures.ts';
import type { Row, RowOptions } from '../row.ts';
import { markdownTable, median } from '../table.ts';

const PEERS: readonly Peer[] = [nginx, haproxy, envoy, lateen];
const UPSTREAM_PORT = 18080;
const LISTEN_PORT = 18081;
const MIDDLE_PORT = 18082;
const BODY_BYTES = 1024;

interface Sample {
  microseconds: number;
  perSecond: number;
  p50: number;
  p99: number;
  pss: number;
  errors: number;
}

export const plainHop: Row = {
  name: 'hop',
  about: `one hop, HTTP/1.1 keep-alive, ${BODY_BYTES} B, 32 connections`,
  run: (options) => compare(options, { connections: 32, mtls: false }),
};

export const mtlsHops: Row = {
  name: 'mtls',
  about: `two hops together with mutual TLS between them, ${BODY_BYTES} B, 32 connections`,
  run: (options) => compare(options, { connections: 32, mtls: true }),
};

export const manyConnections: Row = {
  name: 'hop-1000',
  about: `one hop, HTTP/1.1 keep-alive, ${BODY_BYTES} B, 1,000 connections`,
  run: (options) => compare(options, { connections: 1000, mtls: false }),
};

async function compare(options: RowOptions, setting: { connections: number; mtls: boolean }): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-bench-'));
  const upstream = await startUpstream(directory, UPSTREAM_PORT, BODY_BYTES);
  try {
    const certificates = setting.mtls ? await writeCertificates(join(directory, 'tls')) : undefined;
    const samples = new Map<string, Sample[]>(PEERS.map((peer) => [peer.name, []]));
    for (let round = 0; round < options.runs; round++) {
      for (const peer of PEERS) samples.get(peer.name)?.push(await measure(peer, { directory, certificates, connections: setting.connections, seconds: options.secondsPerRun }));
    }
    printTable(samples);
  } finally {
    await upstream.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(peer: Peer, setting: { directory: string; certificates: HopCertificates | undefined; connections: number; seconds: number }): Promise<Sample> {
  const started = await peer.start({ directory: setting.directory, listenPort: LISTEN_PORT, middlePort: MIDDLE_PORT, upstreamPort: UPSTREAM_PORT, certificates: setting.certificates });
  try {
    const url = `http://127.0.0.1:${LISTEN_PORT}/body`;
    await runWrk(url, { connections: setting.connections, seconds: 2 });
    const cpu = () => started.reduce((sum, server) => sum + cpuSeconds(server.pid), 0);
    const before = cpu();
    const load = await runWrk(url, { connections: setting.connections, seconds: setting.seconds });
    const used = cpu() - before;
    const pss = started.reduce((sum, server) => sum + pssMegabytes(server.pid), 0);
    return { microseconds: (used / load.requests) * 1e6, perSecond: load.perSecond, p50: load.p50Ms, p99: load.p99Ms, pss, errors: load.errors };
  } finally {
    await Promise.all(started.map((server) => server.stop()));
  }
}

function printTable(samples: Map<string, Sample[]>): void {
  const of = (name: string, key: keyof Sample) => median((samples.get(name) ?? []).map((sample) => sample[key]));
  const base = of('Envoy', 'microseconds');
  const rows = PEERS.map(({ name }) => {
    const runs = (samples.get(name) ?? []).map((sample) => sample.microseconds);
    return [name, of(name, 'microseconds').toFixed(1), `${Math.min(...runs).toFixed(1)}–${Math.max(...runs).toFixed(1)}`, (of(name, 'microseconds') / base).toFixed(2),
      of(name, 'perSecond').toFixed(0), of(name, 'p50').toFixed(2), of(name, 'p99').toFixed(2), of(name, 'pss').toFixed(0), String(Math.max(...(samples.get(name) ?? []).map((sample) => sample.errors)))];
  });
  console.log(markdownTable(['proxy', 'CPU µs/request (median)', 'min–max', '÷ Envoy', 'requests/s', 'p50 ms', 'p99 ms', 'PSS MB', 'errors'], rows));
}
