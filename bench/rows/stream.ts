/** One gigabyte over one connection, as bytes: throughput for each CPU second of the proxies. */
import { connect, createServer, type AddressInfo } from 'node:net';
import type { Peer, Plan } from '../hop/chain.ts';
import { envoy } from '../hop/envoy.ts';
import { haproxy } from '../hop/haproxy.ts';
import { lateen } from '../hop/lateen.ts';
import { PORTS, withRig } from '../hop/rig.ts';
import { cpuSeconds } from '../process-figures.ts';
import type { Row, RowOptions } from '../row.ts';
import { markdownTable, median } from '../table.ts';

const BYTES = 1 << 30;
/** As for requests: what is measured is a proxy that runs. */
const WARM_UP_BYTES = 1 << 29;
const PEERS: readonly Peer[] = [haproxy, envoy, lateen];

export const tcpStream: Row = {
  name: 'tcp-stream',
  about: '1 GiB of TCP through one hop (aim: ≥ 0.8 × throughput for each CPU second of Envoy and HAProxy)',
  run: (options) => compare(options, false),
};

export const tlsStream: Row = {
  name: 'tls-stream',
  about: '1 GiB of TCP through two hops with mutual TLS between them (aim: ≥ 0.8 × throughput for each CPU second of Envoy and HAProxy)',
  run: (options) => compare(options, true),
};

async function compare(options: RowOptions, mtls: boolean): Promise<void> {
  const source = await startSource();
  try {
    await withRig({ mtls, upstream: () => Promise.resolve({ pid: 0, output: () => '', stop: async () => {} }) }, async (plan) => {
      const figures = new Map<string, { perCpu: number; perSecond: number }[]>(PEERS.map((peer) => [peer.name, []]));
      for (let round = 0; round < options.runs; round++) {
        for (const peer of PEERS) figures.get(peer.name)?.push(await measure(peer, { ...plan, protocol: 'tcp', upstreamPort: source.port }));
      }
      const middle = (name: string) => median((figures.get(name) ?? []).map((f) => f.perCpu));
      const rows = [...figures].map(([name, list]) => [name, middle(name).toFixed(2), `${Math.min(...list.map((f) => f.perCpu)).toFixed(2)}–${Math.max(...list.map((f) => f.perCpu)).toFixed(2)}`, (middle(name) / middle('HAProxy')).toFixed(2), (middle(name) / middle('Envoy')).toFixed(2), median(list.map((f) => f.perSecond)).toFixed(2)]);
      console.log(markdownTable(['proxy', 'GiB for each CPU second', 'min–max', '÷ HAProxy', '÷ Envoy', 'GiB/s'], rows));
    });
  } finally {
    source.close();
  }
}

async function measure(peer: Peer, plan: Plan): Promise<{ perCpu: number; perSecond: number }> {
  const started = await peer.start(plan);
  try {
    const cpu = () => started.reduce((sum, server) => sum + cpuSeconds(server.pid), 0);
    await readAll(WARM_UP_BYTES);
    const before = cpu();
    const begun = performance.now();
    await readAll(BYTES);
    return { perCpu: BYTES / 2 ** 30 / (cpu() - before), perSecond: BYTES / 2 ** 30 / ((performance.now() - begun) / 1000) };
  } finally {
    await Promise.all(started.map((server) => server.stop()));
  }
}

/** Sends as many bytes as the first line of the client asks for. */
function startSource(): Promise<{ port: number; close(): void }> {
  const chunk = Buffer.alloc(256 * 1024, 0x78);
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (line) => {
      let left = Number(line.toString());
      const send = () => {
        while (left > 0) {
          const length = Math.min(left, chunk.length);
          left -= length;
          if (!socket.write(length === chunk.length ? chunk : chunk.subarray(0, length)) && left > 0) return;
        }
        socket.end();
      };
      socket.on('drain', send);
      send();
    });
  });
  return new Promise((resolve) => {
    // A TCP server's address is never a path.
    server.listen(0, '127.0.0.1', () => resolve({ port: (server.address() as AddressInfo).port, close: () => server.close() }));
  });
}

function readAll(bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = 0;
    const socket = connect({ port: PORTS.listen, host: '127.0.0.1', onread: { buffer: Buffer.alloc(256 * 1024), callback: (length) => ((seen += length), true) } }, () => socket.write(`${bytes}\n`));
    socket.on('error', reject);
    socket.on('close', () => (seen === bytes ? resolve() : reject(new Error(`${seen} of ${bytes} bytes came`))));
  });
}
