/** `node idle-client.ts PORT COUNT KIND FROM [CA CERTIFICATE KEY]`: so many connections that do nothing, `silent` from the start, or after one answered
 * request, plain (`asked`) or by mutual TLS (`tls`). FROM: the first three numbers of its own addresses, `127.0.1`. Prints as JSON what came of them, holds
 * them until its standard input ends, and prints then how many are still there. */
import { readFileSync } from 'node:fs';
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';

export interface IdleClientReport {
  readonly open: number;
  /** Ended by the other side before they were open. */
  readonly refused: number;
  /** From the connect until that end, the longest. */
  readonly slowestRefusalMs: number;
  /** Not begun, since time was up. */
  readonly unbegun: number;
}

const [, , port = '', count = '', kind = '', from = '', ca = '', certificate = '', key = ''] = process.argv;
/** Handshakes and connects at once. */
const AT_ONCE = 64;
const MOST_MS = 60_000;
/** Connections from one address: a free port is soon found among many only. */
const FOR_EACH_ADDRESS = 500;
const REQUEST = 'GET /body HTTP/1.1\r\nHost: a\r\n\r\n';
/** All read into it: a buffer for each costs more than all the rest. */
const buffer = Buffer.allocUnsafeSlow(65_536);

const held = new Set<Socket>();
let refused = 0;
let slowestRefusalMs = 0;
// Made once: with it goes most of what a handshake costs a client.
const tls = kind === 'tls' ? { secureContext: createSecureContext({ ca: readFileSync(ca), cert: readFileSync(certificate), key: readFileSync(key) }), servername: 'bench.local' } : undefined;

function open(i: number): Promise<void> {
  const begun = performance.now();
  return new Promise((resolve) => {
    let isOpen = false;
    const opened = (): true => {
      if (!isOpen) held.add(socket);
      isOpen = true;
      resolve();
      return true;
    };
    const to: TcpNetConnectOpts = { port: Number(port), host: '127.0.0.1', localAddress: `${from}.${1 + Math.floor(i / FOR_EACH_ADDRESS)}` };
    const socket = tls ? connectTls({ ...to, ...tls }) : connect({ ...to, ...(kind === 'asked' ? { onread: { buffer, callback: opened } } : {}) });
    if (tls) socket.once('data', opened);
    socket.on('error', () => {});
    socket.once(tls ? 'secureConnect' : 'connect', () => (kind === 'silent' ? opened() : socket.write(REQUEST)));
    socket.once('close', () => {
      if (isOpen) return void held.delete(socket);
      refused++;
      slowestRefusalMs = Math.max(slowestRefusalMs, performance.now() - begun);
      resolve();
    });
  });
}

const end = performance.now() + MOST_MS;
let next = 0;
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  while (next < Number(count) && performance.now() < end) await open(next++);
}));
const report: IdleClientReport = { open: held.size, refused, slowestRefusalMs, unbegun: Number(count) - next };
console.log(JSON.stringify(report));
process.stdin.resume().once('end', () => process.stdout.write(`${held.size}\n`, () => process.exit(0)));
