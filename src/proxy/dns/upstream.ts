/** Asks the pod's name servers what the mesh does not know. Questions and answers are passed on as they are. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import type { Clock, Timer } from '../../base/clock.ts';
import { ResponseCode } from '../../base/dns/message.ts';
import { framed, type Transport } from '../../base/dns/sockets.ts';

/** For the whole of a question. Istio: 5 s. */
const TIMEOUT_MS = 5000;
/** The next server is asked, too, when one has not answered for so long. */
const NEXT_MS = 1000;
/** Open questions; a client that floods gets SERVFAIL for what is more. */
const MAX_OPEN = 1000;
const HEADER = 12;

export interface Server {
  readonly address: string;
  readonly port: number;
}

export interface UpstreamDeps {
  readonly servers: readonly Server[];
  readonly clock: Clock;
}

export interface Upstream {
  /** @param query a whole message
   * @returns the answer with the query's id; undefined when nobody gave one in time */
  ask(query: Buffer, transport: Transport): Promise<Buffer | undefined>;
  close(): void;
}

export function createUpstream({ servers, clock }: UpstreamDeps): Upstream {
  const open = new Set<() => void>();
  return {
    ask(query, transport) {
      if (servers.length === 0 || open.size >= MAX_OPEN) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        const stop = race(query, { servers, clock, transport }, (answer) => {
          open.delete(stop);
          resolve(answer);
        });
        open.add(stop);
      });
    },
    close() {
      for (const stop of open) stop();
    },
  };
}

interface Race extends UpstreamDeps {
  readonly transport: Transport;
}

/** One server after the other, each with a head start. A server that says that it cannot answer counts as one that does not.
 * @param over called once, not before this returns
 * @returns gives up */
function race(query: Buffer, { servers, clock, transport }: Race, over: (answer: Buffer | undefined) => void): () => void {
  const exchanges: (() => void)[] = [];
  let isOver = false;
  let asked = 0;
  let failed = 0;
  let unable: Buffer | undefined;
  let next: Timer | undefined;
  const finish = (answer: Buffer | undefined): void => {
    if (isOver) return;
    isOver = true;
    next?.cancel();
    deadline.cancel();
    for (const stop of exchanges) stop();
    over(answer);
  };
  const tryNext = (): void => {
    const server = servers[asked];
    if (isOver || !server) return;
    asked += 1;
    next?.cancel();
    next = clock.after(NEXT_MS, tryNext);
    exchanges.push((transport === 'udp' ? askUdp : askTcp)(server, query, (answer) => {
      if (answer && !isUnable(answer)) return finish(answer);
      unable = answer ?? unable;
      failed += 1;
      if (failed === servers.length) finish(unable);
      else tryNext();
    }));
  };
  const deadline = clock.after(TIMEOUT_MS, () => finish(unable));
  // Not before the caller has what it needs to take note of the end.
  queueMicrotask(tryNext);
  return () => finish(undefined);
}

const isUnable = (answer: Buffer): boolean => {
  const code = (answer[3] ?? 0) & 15;
  return code === ResponseCode.ServerFailure || code === ResponseCode.Refused;
};

type Ask = (server: Server, query: Buffer, done: (answer: Buffer | undefined) => void) => () => void;

/** A socket for each question, with a port and an id that cannot be guessed: answers that do not fit are ignored. */
const askUdp: Ask = ({ address, port }, query, done) => {
  const message = Buffer.from(query);
  const id = randomInt(0x1_0000);
  message.writeUInt16BE(id);
  const socket = createSocket(isIPv6(address.split('%')[0] ?? '') ? 'udp6' : 'udp4');
  let isClosed = false;
  const end = (answer?: Buffer): void => {
    if (isClosed) return;
    isClosed = true;
    socket.close();
    done(answer);
  };
  socket.on('error', () => end());
  socket.on('message', (answer) => {
    if (isAnswerTo(message, answer)) end(withId(answer, query));
  });
  socket.connect(port, address, () => socket.send(message));
  return () => {
    isClosed ||= (socket.close(), true);
  };
};

const askTcp: Ask = ({ address, port }, query, done) => {
  const socket = connect({ host: address, port });
  let held = Buffer.alloc(0);
  let isDone = false;
  const end = (answer?: Buffer): void => {
    if (isDone) return;
    isDone = true;
    socket.destroy();
    done(answer);
  };
  socket.on('error', () => end());
  socket.on('close', () => end());
  socket.on('connect', () => socket.write(framed(query)));
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    if (held.length < 2 || held.length < 2 + held.readUInt16BE(0)) return;
    const answer = held.subarray(2, 2 + held.readUInt16BE(0));
    end(isAnswerTo(query, answer) ? answer : undefined);
  });
  return () => {
    isDone = true;
    socket.destroy();
  };
};

function withId(answer: Buffer, query: Buffer): Buffer {
  answer.writeUInt16BE(query.readUInt16BE(0));
  return answer;
}

/** The same id and question, and an answer at all. Servers may drop the question when they cannot read it. */
export function isAnswerTo(query: Buffer, answer: Buffer): boolean {
  if (answer.length < HEADER || answer.readUInt16BE(0) !== query.readUInt16BE(0) || ((answer[2] ?? 0) & 0x80) === 0) return false;
  if (answer.readUInt16BE(4) === 0) return true;
  const end = questionEnd(query);
  return query.subarray(HEADER, end).toString('latin1').toLowerCase() === answer.subarray(HEADER, end).toString('latin1').toLowerCase();
}

/** @param query one that was read before, so that its name is known to end */
function questionEnd(query: Buffer): number {
  let at = HEADER;
  while (at < query.length && query[at] !== 0) at += 1 + (query[at] ?? 0);
  return at + 5;
}
