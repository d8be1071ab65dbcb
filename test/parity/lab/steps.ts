/** Does the steps of a scenario on one side and tells what was observed. */
import type { Socket } from 'node:net';
import type { MeshInputs } from '../../../src/control/registry/snapshot.ts';
import { eventually } from '../../../src/testkit/eventually.ts';
import type { Ask, Eject, Step, Talk, TalkLine } from '../scenario.ts';
import { isNamed } from './app.ts';
import type { Fits, LogLine } from './access-log.ts';
import { askHttp2, Http1Connection, openHttp2, overTls, refused, requestText, type Fields, type Request, type Result, type Watch } from './client.ts';
import { addressFor, placeOf } from './dial.ts';
import { DialError } from './namespace.ts';
import { masked, observeAnswer, observeLog, observeSeen, type Observation } from './observation.ts';
import type { Place } from './network.ts';
import type { Side } from './side.ts';

const TIMEOUT_MS = 10_000;
/** How long what is expected of the applications may take; only what does not come takes as long. */
const PATIENCE_MS = 2500;

export interface StepContext {
  readonly side: Side;
  readonly mesh: MeshInputs;
  /** In the header `x-scenario`; unique among the requests of a run. */
  readonly id: string;
}

/** Changes are the runner's. */
export async function doStep(step: Exclude<Step, { do: 'change' }>, context: StepContext): Promise<Observation> {
  if (step.do === 'together') return { parts: await Promise.all(step.steps.map((part, i) => doStep(part, { ...context, id: `${context.id}.${i}` }))) };
  if (step.do === 'eject') return doEject(step, context);
  return step.do === 'ask' ? doAsk(step, context) : doTalk(step, context);
}

interface Open {
  /** How much the applications had seen before. */
  readonly seenBefore: number;
  readonly socket: Socket;
  readonly localPort: number;
}

async function open(step: Ask | Talk, authority: string, context: StepContext): Promise<Open> {
  const seenBefore = context.side.app.seen.length;
  const { network } = context.side;
  const at = step.at ?? addressFor(authority, step.from ?? 'client', { mesh: context.mesh, isTls: step.tls !== undefined });
  const [host = '', port] = at.split(':');
  const namespace = step.from === 'world' ? network.world : network.places.client;
  const socket = await namespace.connect({ host, port: Number(port) });
  const localPort = socket.localPort ?? 0;
  return { socket: step.tls ? await overTls(socket, step.tls) : socket, localPort, seenBefore };
}

async function doAsk(step: Ask, context: StepContext): Promise<Observation> {
  let line: Open;
  try {
    line = await open(step, step.authority, context);
  } catch (error) {
    return { answer: observeAnswer(refused(error instanceof DialError ? error.code : ((error as NodeJS.ErrnoException).code ?? String(error)))), seen: [] };
  }
  if (step.times !== undefined) return doMany(step, line, context);
  const timeoutMs = step.leaveAfterMs ?? step.timeoutMs ?? TIMEOUT_MS;
  const request = requestOf(step, context.id);
  let result: Result;
  if (step.version === 2) {
    const http2 = openHttp2(line.socket);
    result = await askHttp2(http2, request, timeoutMs, watchOf(step, context));
    http2.session.destroy();
  } else {
    const connection = new Http1Connection(line.socket);
    connection.write(step.raw === undefined ? requestText(request) : step.raw.replace('{id}', `x-scenario: ${context.id}`));
    result = await connection.read(step.method, timeoutMs, watchOf(step, context));
    connection.close();
  }
  return { answer: observeAnswer(result), ...(await theRest(step, line, context)) };
}

/** The application waits for what the client has heard, and the client for what the application has seen: no clock decides who is first. */
function watchOf(step: Ask, { side: { app }, id }: StepContext): Watch {
  const hears = Promise.withResolvers<void>();
  const heard: Watch['heard'] = (answer) => {
    app.heard(id, answer.body);
    if (answer.body !== '') hears.resolve();
  };
  if (step.leaves === 'when-heard') return { heard, leaving: hears.promise };
  if (step.leaves === 'when-seen') return { heard, leaving: app.sees(id, step.body?.toString('latin1') ?? '') };
  return { heard };
}

function requestOf(step: Ask, id: string): Request {
  const own: Fields = [['x-scenario', id], ...(step.app ? [['x-app', JSON.stringify(step.app)] as const] : [])];
  const given = Object.entries(step.headers).flatMap(([name, value]) => [value].flat().map((v) => [name, v] as const));
  return { method: step.method, path: step.path, authority: step.authority, headers: [...own, ...given], body: step.body, trailers: step.trailers && Object.entries(step.trailers), unfinished: step.unfinished };
}

async function doMany(step: Ask, line: Open, context: StepContext): Promise<Observation> {
  const { app } = context.side;
  const tally: Record<string, number> = {};
  const count = (key: string) => (tally[key] = (tally[key] ?? 0) + 1);
  const before = app.seen.length;
  const http2 = step.version === 2 ? openHttp2(line.socket) : undefined;
  const connection = http2 ? undefined : new Http1Connection(line.socket);
  for (let i = 0; i < (step.times ?? 0); i++) {
    const request = requestOf(step, `${context.id}-${i}`);
    connection?.write(requestText(request));
    const result = http2 ? await askHttp2(http2, request, TIMEOUT_MS) : await connection?.read(step.method, TIMEOUT_MS);
    if (step.tally !== 'seen' && step.tally !== 'connections') count(step.tally === 'status' ? String(result?.status) : (result?.body ?? ''));
  }
  if (step.tally === 'seen') for (const seen of app.seen.slice(before)) count(seen.at);
  if (step.tally === 'connections') count(`${new Set(app.seen.slice(before).map((seen) => seen.connection)).size} connections`);
  http2?.session.destroy();
  connection?.close();
  return { tally };
}

/** So long an ejection may take; only what never comes takes as long. */
const EJECTION_MS = 4000;

async function doEject({ ask, endpoints }: Eject, context: StepContext): Promise<Observation> {
  const line = await open(ask, ask.authority, context);
  const connection = new Http1Connection(line.socket);
  const once = async (id: string) => {
    connection.write(requestText(requestOf(ask, id)));
    await connection.read(ask.method, TIMEOUT_MS);
  };
  const limit = performance.now() + EJECTION_MS;
  let ejected: readonly string[] = [];
  for (let i = 0; ejected.length < endpoints.length && performance.now() < limit; i++) {
    await once(`${context.id}-${i}`);
    ejected = await context.side.ejected('client', endpoints);
  }
  // The thread that serves us has heard of it when it has served once more.
  await once(`${context.id}-last`);
  connection.close();
  return { ejected };
}

async function doTalk(step: Talk, context: StepContext): Promise<Observation> {
  let line: Open;
  try {
    line = await open(step, step.to, context);
  } catch (error) {
    return { received: '', end: error instanceof DialError ? error.code : ((error as NodeJS.ErrnoException).code ?? String(error)), seen: [] };
  }
  const connection = new Http1Connection(line.socket);
  for (const talk of step.lines) await say(connection, talk, step.timeoutMs ?? TIMEOUT_MS);
  const { text, end } = await connection.bytes(() => true, 0);
  connection.close();
  return { received: masked(text), end: end === 'timeout' ? 'open' : end, ...(await theRest(step, line, context)) };
}

async function say(connection: Http1Connection, line: TalkLine, timeoutMs: number): Promise<void> {
  if ('send' in line) connection.write(line.send);
  else if ('until' in line) await connection.bytes((text) => text.includes(line.until), timeoutMs);
  else if ('untilEnd' in line) await connection.bytes(() => false, timeoutMs);
  else if ('finish' in line) connection.finish();
  else connection.reset();
}

/** What the others saw of it: the applications, and the proxies on the way. */
async function theRest(step: Ask | Talk, line: Open, context: StepContext): Promise<Observation> {
  const { side, mesh } = context;
  const at = step.at ?? addressFor(step.do === 'ask' ? step.authority : step.to, step.from ?? 'client', { mesh, isTls: step.tls !== undefined });
  const entry = step.from === 'world' ? placeOf(at) : 'client';
  // Where two redirected connections would look alike, the kernel gives one another port: then it is known by what it carries.
  const carries = (to: string) => (l: LogLine) => (step.do === 'ask' ? l.scenario === context.id : l.local === to);
  const first = entry && (await logLine(side, entry, (l) => portOf(l.remote) === line.localPort, carries(at)));
  const next = first && typeof first.upstream === 'string' ? placeOf(first.upstream) : undefined;
  const second = first && next && next !== entry ? await logLine(side, next, (l) => l.remote === first.upstreamLocal, carries(String(first.upstream))) : undefined;
  const seen = await seenBy(step, line, context);
  const nameOf = (address: string) => side.nameOf(address);
  return { seen: seen.map(observeSeen), ...(first ? { log: observeLog(first, nameOf) } : {}), ...(second ? { nextLog: observeLog(second, nameOf) } : {}) };
}

const portOf = (address: string | number | null): number => Number(String(address).split(':').at(-1));

/** A connection that was refused or given up may leave no line: then that is what is observed, and what was there instead is noted. */
async function logLine(side: Side, place: Place, ...by: readonly [fits: Fits, resembles: Fits]): Promise<LogLine | undefined> {
  return side.logs[place].take(...by).catch((error: unknown) => {
    side.notes.push(`${side.engine} ${place}: ${error instanceof Error ? error.message : String(error)}; it says: ${side.errorsOf(place)}`);
    return undefined;
  });
}

async function seenBy(step: Ask | Talk, { seenBefore }: Open, { side, id }: StepContext) {
  const mine = () => side.app.seen.slice(seenBefore).filter((seen) => (step.do === 'ask' ? seen.kind === 'http' && isNamed(seen, id) : seen.kind === 'bytes'));
  const expected = step.expect.seen?.length ?? 0;
  const leaves = step.do === 'ask' && step.leaves !== undefined;
  // Copies and ends arrive when the answer has gone already.
  await eventually(() => {
    if (mine().length < expected) throw new Error('not all yet');
    if (mine().some((seen) => seen.end === 'open')) throw new Error('still open');
    if (leaves && mine().some((seen) => seen.kind === 'http' && seen.isOver !== true)) throw new Error('not told yet that the client has left');
  }, { timeoutMs: PATIENCE_MS, everyMs: 3 }).catch(() => {});
  // By place: who of several was first is chance. Tries at one place stay in order.
  return mine().toSorted((a, b) => (a.at === b.at ? a.port - b.port : a.at < b.at ? -1 : 1));
}
