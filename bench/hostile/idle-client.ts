/** `node idle-client.ts PORT COUNT KIND NUMBER [CA CERTIFICATE KEY]`: so many connections that do nothing, `silent` from the start, or after one answered
 * request, plain (`asked`) or by mutual TLS (`tls`). NUMBER tells its addresses from those of other clients. Prints how many are open, then holds them until its standard input ends. */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

const [, , port = '', count = '', kind = '', number = '', ca = '', certificate = '', key = ''] = process.argv;
/** Handshakes and connects at once. */
const AT_ONCE = 64;
/** Connections from one address: a free port is soon found among many only. */
const FOR_EACH_ADDRESS = 4000;
const REQUEST = 'GET /body HTTP/1.1\r\nHost: a\r\n\r\n';

const held: Socket[] = [];
const tls = kind === 'tls' ? { ca: readFileSync(ca), cert: readFileSync(certificate), key: readFileSync(key), servername: 'bench.local' } : undefined;

function open(i: number): Promise<void> {
  return new Promise((resolve) => {
    const raw = connect({ port: Number(port), host: '127.0.0.1', localAddress: `127.0.${1 + Number(number)}.${1 + Math.floor(i / FOR_EACH_ADDRESS)}` });
    const socket = tls ? connectTls({ ...tls, socket: raw }) : raw;
    const done = (): void => {
      held.push(socket);
      resolve();
    };
    raw.on('error', () => resolve());
    socket.on('error', () => resolve());
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      if (kind === 'silent') return done();
      socket.once('data', done);
      socket.write(REQUEST);
    });
    socket.on('close', () => void held.splice(held.indexOf(socket), 1));
  });
}

let next = 0;
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  while (next < Number(count)) await open(next++);
}));
console.log(String(held.length));
process.stdin.resume().once('end', () => process.exit(0));
