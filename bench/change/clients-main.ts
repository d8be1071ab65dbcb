/** Process of the simulated clients. Told by its parent what to do, tells it what they have taken. */
import { encodeNode } from './node.ts';
import { Ledger, type Taken } from './ledger.ts';
import { Resources } from './resources.ts';
import { Responses } from './responses.ts';
import { SimulatedProxy } from './simulated-proxy.ts';
import type { MeshPod } from './mesh.ts';

export type Order =
  | { readonly do: 'connect'; readonly port: number; readonly pods: readonly MeshPod[] }
  | { readonly do: 'compare' }
  | { readonly do: 'figures' };

export type Report =
  | { readonly is: 'ready' }
  | { readonly is: 'connected' }
  | { readonly is: 'taken'; readonly changes: readonly Taken[] }
  | { readonly is: 'compared'; readonly clients: number; readonly different: readonly string[]; readonly resources: number }
  | { readonly is: 'figures'; readonly messages: number; readonly received: number }
  | { readonly is: 'failed'; readonly reason: string };

/** So many clients, spread over all, are compared at the end: each costs the control plane a whole configuration. */
const COMPARED = 400;
/** How many connect at once. */
const AT_ONCE = 20;
const HOST = '127.0.0.1';

const resources = new Resources();
const responses = new Responses(resources);
const proxies = new Map<MeshPod, SimulatedProxy>();
let port = 0;
let taken: Taken[] = [];
const ledger = new Ledger((change) => {
  if (taken.length === 0) setImmediate(() => tell({ is: 'taken', changes: taken.splice(0) }));
  taken.push(change);
});

const tell = (report: Report): void => void process.send?.(report);

function open(pod: MeshPod, isCounted: boolean): Promise<SimulatedProxy> {
  return new Promise((resolve, reject) => {
    const failed = (reason: string) => {
      reject(new Error(reason));
      if (isCounted) tell({ is: 'failed', reason: `${pod.name}: ${reason}` });
    };
    const proxy = new SimulatedProxy({ host: HOST, port, node: encodeNode(pod), resources, responses, ledger: isCounted ? ledger : undefined, failed, complete: () => resolve(proxy) });
  });
}

/** Runs `work` for all, some at a time. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const item of queue) await work(item);
  }));
}

/** Each client beside a fresh one of the same node. */
async function compare(): Promise<void> {
  const different: string[] = [];
  let [count, clients] = [0, 0];
  const all = [...proxies];
  const step = Math.max(1, Math.floor(all.length / COMPARED));
  await each(all.filter((_, i) => i % step === 0), async ([pod, proxy]) => {
    clients += 1;
    const fresh = await open(pod, false);
    for (const { id, typeUrl, name, byId } of resources.all) {
      const [held, given] = [proxy, fresh].map((client) => byId.get(client.held[id] ?? 0)?.version);
      if (held !== undefined) count += 1;
      if (held !== given) different.push(`${pod.name}: ${typeUrl.split('.').at(-1)} ${name}`);
    }
    fresh.close();
  });
  tell({ is: 'compared', clients, different: different.slice(0, 20), resources: count });
}

async function obey(order: Order): Promise<void> {
  if (order.do === 'connect') {
    port = order.port;
    ledger.clients += order.pods.length;
    await each(order.pods, async (pod) => void proxies.set(pod, await open(pod, true)));
    tell({ is: 'connected' });
  } else if (order.do === 'compare') await compare();
  else {
    const all = [...proxies.values()];
    tell({ is: 'figures', messages: all.reduce((sum, p) => sum + p.messages, 0), received: all.reduce((sum, p) => sum + p.received, 0) });
  }
}

process.on('message', (order: Order) => {
  obey(order).catch((error: unknown) => tell({ is: 'failed', reason: String(error) }));
});
process.on('disconnect', () => process.exit(0));
tell({ is: 'ready' });
