/** A client that is told over HTTP what load to make and asked what became of it (CONTROL_PORT, 7000):
 * POST /start takes an `Order`, GET /report gives a `Report`, POST /reset begins to count anew, POST /stop ends requests and
 * waits for those under way; POST /repeat sends one request `count` times, `atOnce` at a time. */
import { createServer, type IncomingMessage } from 'node:http';
import { readBody, sendJson } from '../http-app.ts';
import { createCaller } from './callers.ts';
import { Load } from './load.ts';
import type { Order, Repeat, Report } from './order.ts';
import { Sockets } from './sockets.ts';

let loads = new Map<string, Load>();
let sockets = new Map<string, Sockets>();
let since = performance.now();

/** Loads and sockets of the same name go on; others end or begin. */
function start(order: Order): void {
  for (const load of loads.values()) load.close();
  loads = new Map(order.streams.map((stream) => [stream.name, new Load(stream)]));
  const kept = new Map(order.sockets.map((wanted) => [wanted.name, sockets.get(wanted.name) ?? new Sockets(wanted)]));
  for (const [name, old] of sockets) if (!kept.has(name)) old.close();
  sockets = kept;
  since = performance.now();
}

function report(): Report {
  return {
    seconds: (performance.now() - since) / 1000,
    streams: Object.fromEntries([...loads].map(([name, load]) => [name, load.report()])),
    sockets: Object.fromEntries([...sockets].map(([name, held]) => [name, held.report()])),
    failures: [...loads.values()].flatMap((load) => load.failures).slice(0, 1000),
  };
}

function reset(): void {
  for (const load of loads.values()) load.reset();
  for (const held of sockets.values()) held.reset();
  since = performance.now();
}

async function stop(): Promise<void> {
  for (const load of loads.values()) load.stop();
  while ([...loads.values()].some((load) => load.pending > 0)) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** How many answers of each kind. */
async function repeat({ order, method, path, count, atOnce }: Repeat): Promise<Record<string, number>> {
  const outcomes: Record<string, number> = {};
  const caller = createCaller({ ...order, name: '', perSecond: 0 });
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const what = await caller.call(method, path.replace('{i}', String(next++))).then((text) => `ok ${text}`, (error: Error) => error.message);
      outcomes[what] = (outcomes[what] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  caller.close();
  return outcomes;
}

/** What a page answers. */
async function page(request: IncomingMessage): Promise<unknown> {
  // The body is what a test of ours sends: an Order or a Repeat.
  const body = async <T>() => JSON.parse((await readBody(request)).toString()) as T;
  switch (`${request.method} ${request.url}`) {
    case 'POST /start':
      start(await body<Order>());
      return {};
    case 'POST /repeat':
      return repeat(await body<Repeat>());
    case 'POST /stop':
      await stop();
      return report();
    case 'POST /reset':
      reset();
      return {};
    case 'GET /report':
      return report();
    default:
      throw new Error('no such page: there are POST /start, /reset, /stop, /repeat and GET /report');
  }
}

const server = createServer((request, response) => {
  page(request).then((value) => sendJson(response, 200, value), (error: unknown) => sendJson(response, 400, { error: String(error) }));
});
server.listen(Number(process.env['CONTROL_PORT'] ?? 7000), () => console.log('waiting for orders'));
process.once('SIGTERM', () => process.exit(0));
