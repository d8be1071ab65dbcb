/** Large bodies past readers and senders of any speed: what a proxy holds follows its buffers, not the bodies. */
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Peer } from '../hop/chain.ts';
import { envoy } from '../hop/envoy.ts';
import { lateen } from '../hop/lateen.ts';
import { PORTS, withRig } from '../hop/rig.ts';
import { pssMegabytes } from '../process-figures.ts';
import type { Row } from '../row.ts';
import { markdownTable } from '../table.ts';

const AT_ONCE = 20;
const SMALL = 100 * 1024;
const LARGE = 10 * 1024 * 1024;
const STALL_MS = 2000;
const CHUNK = Buffer.alloc(64 * 1024, 0x78);

interface Transfer {
  readonly name: string;
  readonly bytes: number;
  readonly direction: 'up' | 'down';
  /** Who stops for two seconds in the middle. */
  readonly slow?: 'client' | 'upstream';
}

const TRANSFERS: readonly Transfer[] = [
  { name: '100 KB down', bytes: SMALL, direction: 'down' },
  { name: '100 KB up', bytes: SMALL, direction: 'up' },
  { name: '10 MB down', bytes: LARGE, direction: 'down' },
  { name: '10 MB up', bytes: LARGE, direction: 'up' },
  { name: '10 MB down, slow reader', bytes: LARGE, direction: 'down', slow: 'client' },
  { name: '10 MB up, slow reader', bytes: LARGE, direction: 'up', slow: 'upstream' },
  { name: '10 MB down, slow sender', bytes: LARGE, direction: 'down', slow: 'upstream' },
];

export const bodies: Row = {
  name: 'bodies',
  about: `${AT_ONCE} bodies at once: growth of memory (PSS, largest seen) over the idle proxy (aim: bounded by buffers, not by bodies)`,
  async run() {
    const upstream = await startUpstream();
    try {
      await withRig({ upstream: () => Promise.resolve({ pid: 0, output: () => '', stop: async () => {} }) }, async (plan) => {
        const rows: string[][] = [];
        for (const transfer of TRANSFERS) {
          const growth = [];
          for (const peer of [envoy, lateen]) growth.push(await measure(peer, transfer, { ...plan, upstreamPort: upstream.port }));
          rows.push([transfer.name, ((transfer.bytes * AT_ONCE) / 2 ** 20).toFixed(0), ...growth.map((g) => g.toFixed(1))]);
        }
        console.log(markdownTable(['transfer', 'all bodies together, MB', 'Envoy, MB', 'Lateen, MB'], rows));
      });
    } finally {
      upstream.server.close();
    }
  },
};

async function measure(peer: Peer, transfer: Transfer, plan: Parameters<Peer['start']>[0]): Promise<number> {
  const [proxy] = await peer.start(plan);
  if (!proxy) throw new Error('unreachable: a hop is one proxy');
  try {
    await move({ ...transfer, bytes: 1024, slow: undefined });
    const idle = pssMegabytes(proxy.pid);
    let largest = idle;
    const timer = setInterval(() => (largest = Math.max(largest, pssMegabytes(proxy.pid))), 100);
    await Promise.all(Array.from({ length: AT_ONCE }, () => move(transfer)));
    clearInterval(timer);
    return Math.max(largest, pssMegabytes(proxy.pid)) - idle;
  } finally {
    await proxy.stop();
  }
}

function move({ bytes, direction, slow }: Pick<Transfer, 'bytes' | 'direction' | 'slow'>): Promise<void> {
  return new Promise((resolve, reject) => {
    const one = request({ port: PORTS.listen, host: '127.0.0.1', agent: false, method: direction === 'up' ? 'POST' : 'GET', path: `/${direction === 'down' ? bytes : 0}${slow === 'upstream' ? '/slow' : ''}` }, (response) => {
      let seen = 0;
      response.on('data', (chunk: Buffer) => (seen += chunk.length));
      if (slow === 'client') {
        response.pause();
        setTimeout(() => response.resume(), STALL_MS);
      }
      response.on('end', () => (response.statusCode === 200 && (direction === 'up' || seen === bytes) ? resolve() : reject(new Error(`answered ${response.statusCode} with ${seen} bytes`))));
    });
    one.on('error', reject);
    if (direction === 'up') write(one, bytes);
    else one.end();
  });
}

function write(to: NodeJS.WritableStream, bytes: number): void {
  let left = bytes;
  const next = (): void => {
    while (left > 0) {
      const length = Math.min(left, CHUNK.length);
      left -= length;
      if (!to.write(CHUNK.subarray(0, length))) return void to.once('drain', next);
    }
    to.end();
  };
  next();
}

/** `/BYTES` down, whatever comes up; `/slow` stops in the middle of either. */
function startUpstream(): Promise<{ port: number; server: Server }> {
  const server = createServer((incoming, response) => {
    const [, bytes = '0', slow] = (incoming.url ?? '').split('/');
    const isSlow = slow === 'slow';
    incoming.on('data', () => {});
    if (isSlow) {
      incoming.pause();
      setTimeout(() => incoming.resume(), STALL_MS);
    }
    incoming.on('end', () => {
      const total = Number(bytes);
      if (!isSlow || total === 0) return write(response, total);
      response.write(CHUNK.subarray(0, Math.min(CHUNK.length, total)));
      setTimeout(() => write(response, total - Math.min(CHUNK.length, total)), STALL_MS);
    });
  });
  return new Promise((resolve) => {
    // A TCP server's address is never a path.
    server.listen(0, '127.0.0.1', () => resolve({ port: (server.address() as AddressInfo).port, server }));
  });
}
