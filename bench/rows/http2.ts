/** HTTP/2 and unary gRPC through two hops with mutual TLS between them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startServer } from '../../src/testkit/server-process.ts';
import { envoy } from '../hop/envoy.ts';
import { lateen } from '../hop/lateen.ts';
import { BODY_BYTES, PORTS, URL_OF_BODY, withRig } from '../hop/rig.ts';
import { inTurns, printSamples, sampleOf } from '../hop/sample.ts';
import { runH2load, type H2loadOptions } from '../load.ts';
import type { Row, RowOptions } from '../row.ts';

const CONNECTIONS = 8;
const STREAMS = 4;

export const http2Hops: Row = {
  name: 'http2',
  about: `HTTP/2, ${BODY_BYTES} B, two hops with mutual TLS, ${CONNECTIONS} connections × ${STREAMS} streams (aim: ≤ 1.0 × Envoy)`,
  run: (options) => compare(options, () => ({})),
};

export const grpcHops: Row = {
  name: 'grpc',
  about: `gRPC unary, ${BODY_BYTES} B each way, two hops with mutual TLS, ${CONNECTIONS} connections × ${STREAMS} streams (aim: ≤ 1.0 × Envoy)`,
  run: (options) => compare(options, (directory) => ({ bodyFile: messageFile(directory), headers: ['content-type: application/grpc', 'te: trailers'] })),
};

/** A length-prefixed message. */
function messageFile(directory: string): string {
  const file = join(directory, 'message');
  const message = Buffer.alloc(5 + BODY_BYTES, 0x78);
  message.writeUInt8(0, 0);
  message.writeUInt32BE(BODY_BYTES, 1);
  writeFileSync(file, message);
  return file;
}

async function compare(options: RowOptions, request: (directory: string) => Pick<H2loadOptions, 'bodyFile' | 'headers'>): Promise<void> {
  const upstream = async (directory: string) => {
    writeFileSync(join(directory, 'body'), 'x'.repeat(BODY_BYTES));
    return startServer('nghttpd', ['--no-tls', '-d', directory, '--trailer', 'grpc-status: 0', '--address', '127.0.0.1', String(PORTS.upstream)], PORTS.upstream);
  };
  await withRig({ mtls: true, upstream }, async (plan) => {
    const load = { connections: CONNECTIONS, streams: STREAMS, ...request(plan.directory) };
    const run = (seconds: number) => runH2load(URL_OF_BODY, { ...load, seconds });
    const samples = await inTurns([envoy, lateen], options.runs, (peer) => sampleOf(peer, { ...plan, protocol: 'http2' }, { run, seconds: options.secondsPerRun }));
    printSamples(new Map([...samples].map(([peer, list]) => [peer.name, list])), ['Envoy']);
  });
}
