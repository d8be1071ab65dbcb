/** Our HTTP/1 reader beside Node's (llhttp), nginx and HAProxy on the same bytes: what any two of them frame differently, ours refuses; what ours
 * takes, ours frames as they do. Refusing more than others is fine, taking what others read in another way is how requests are smuggled. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { framingInputs } from './framing-inputs.ts';
import { startHaproxy, startNginx, startNode, startOurs, type FramingPeer } from './framing-peers.ts';
import { HTTP1_CASES } from './http1-cases.ts';
import { llhttpCases } from './llhttp-suite.ts';
import { exchange, type Reply } from './raw-exchange.ts';

const QUIET_MS = 120;
const GENERATED = 400;
const NGINX_PORT = 25_101;
const HAPROXY_PORT = 25_102;
/** Tells by where it arrives whether the reader stands where the client does. */
const SENTINEL = Buffer.from('GET /sentinel HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
/** When it is answered, all that was passed on before has arrived. */
const AFTERWARDS = Buffer.from('GET /afterwards HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');

interface Reading {
  readonly peer: string;
  /** Bodies and methods as they arrived; paths may be written in other ways. */
  readonly requests: readonly string[];
  readonly statuses: readonly number[];
  /** It refused something, or ended the connection before it came to the request that is appended. */
  readonly gaveUp: boolean;
}

/** @param isEnough a peer that is behind is waited for */
async function read(peer: FramingPeer, bytes: Buffer, isEnough: (reading: Reading) => boolean = () => true): Promise<Reading> {
  const reply = await exchange(peer.port, Buffer.concat([bytes, SENTINEL]), QUIET_MS, { isEnough: (now) => isEnough(readingOf(peer, now, peer.recorder.seen())) });
  // A client may hear of the end before the upstream has heard all: it would be taken for what the next input says.
  await exchange(peer.port, AFTERWARDS, QUIET_MS, { isEnough: ({ statuses }) => statuses.length > 0 });
  return readingOf(peer, reply, peer.recorder.take().filter((request) => !request.startsWith('GET /afterwards ')));
}

function readingOf(peer: FramingPeer, { statuses, closed }: Reply, reached: readonly string[]): Reading {
  const requests = reached.map((request) => {
    const [method = '', path = '', ...body] = request.split(' ');
    return `${method} ${path.replace(/^https?:\/\/[^/]*/, '').split('?')[0]} ${body.join(' ')}`;
  });
  return { peer: peer.name, requests, statuses, gaveUp: statuses.some((status) => status >= 400) || (closed && !requests.some((request) => request.includes('/sentinel'))) };
}

/** Two readers agree when one of them gave up where the other went on: then it is not framing in which they differ. */
function agree(a: Reading, b: Reading): boolean {
  const [short, long] = a.requests.length <= b.requests.length ? [a, b] : [b, a];
  return short.requests.every((request, i) => request === long.requests[i]);
}

/** Each request that ours passed on is one that the other saw too, in this order; those that ours answered itself are missing, and the
 * other may have given up. */
function isWithin(mine: Reading, other: Reading): boolean {
  let at = 0;
  for (const request of mine.requests) {
    const found = other.requests.indexOf(request, at);
    if (found < 0) return other.gaveUp;
    at = found + 1;
  }
  return true;
}

test('what two readers frame differently, ours refuses', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'lateen-framing-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const ours = await startOurs(t);
  const others = [await startNode(t), await startNginx(t, home, NGINX_PORT), await startHaproxy(t, home, HAPROXY_PORT)];
  const seed = Number(process.env['FUZZ_SEED'] ?? 20_261);
  const inputs: [name: string, bytes: Buffer][] = [
    ...HTTP1_CASES.filter(({ bytes }) => bytes.length < 5000).map(({ name, bytes }): [string, Buffer] => [name, Buffer.from(bytes, 'latin1')]),
    ...llhttpCases('request').map(({ name, bytes }): [string, Buffer] => [name, bytes]),
    ...[...framingInputs(Number(process.env['FRAMING_INPUTS'] ?? GENERATED), seed)].map((bytes, i): [string, Buffer] => [`generated ${seed}/${i}`, bytes]),
  ];
  let disagreements = 0;
  let taken = 0;
  for (const [name, bytes] of inputs) {
    let ready: Reading | undefined;
    const reading = read(ours, bytes).then((made) => (ready = made));
    const theirs = await Promise.all(others.map((peer) => read(peer, bytes, (other) => ready !== undefined && isWithin(ready, other))));
    const mine = await reading;
    const differ = theirs.some((a) => theirs.some((b) => !agree(a, b)));
    if (differ) disagreements++;
    if (mine.requests.length > 0) taken++;
    const readings = () => `${name}\n${JSON.stringify(bytes.toString('latin1'))}\n${[mine, ...theirs].map((r) => `${r.peer}: ${JSON.stringify(r.requests)} ${r.statuses.join()}`).join('\n')}`;
    for (const other of theirs) assert.ok(isWithin(mine, other), readings());
  }
  t.diagnostic(`${inputs.length} inputs, ${taken} of them passed on by ours, ${disagreements} framed differently by two others`);
  assert.ok(taken > 50 && disagreements > 0, 'the inputs are worth something');
});
