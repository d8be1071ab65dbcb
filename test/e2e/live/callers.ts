/** Those who call: a pod behind each kind of sidecar, and one without, through each kind of gateway. */
import type { Order, Repeat, Report, StreamOrder, StreamReport } from '../../../samples/apps/traffic/order.ts';
import type { TestCluster } from '../harness.ts';
import { podOf } from '../steps/bookinfo.ts';
import { portForward, type PortForward } from '../zero/port-forward.ts';
import { ask } from '../zero/traffic.ts';
import { CLIENTS, clientOf, edgeOf, ENGINES, NAMESPACE, outside, type Client } from './mesh.ts';

/** A way from a client to a service. */
interface Way {
  readonly name: string;
  readonly client: Client;
  order(host: string): Pick<StreamOrder, 'url' | 'host'>;
}

export const WAYS: readonly Way[] = ENGINES.flatMap((engine): Way[] => [
  { name: `${engine} sidecar`, client: engine, order: (host) => ({ url: `http://${host}/` }) },
  { name: `${engine} gateway`, client: 'plain', order: (host) => ({ url: `http://${edgeOf(engine)}/`, host: outside(host) }) },
]);

export interface Outcome {
  /** By way and host: `envoy sidecar good-7`. */
  readonly streams: Readonly<Record<string, StreamReport>>;
  readonly failures: readonly string[];
}

const CONTROL_PORT = 7000;

export class Callers {
  readonly #forwards: ReadonlyMap<Client, PortForward>;

  private constructor(forwards: ReadonlyMap<Client, PortForward>) {
    this.#forwards = forwards;
  }

  static async open(cluster: TestCluster): Promise<Callers> {
    const forwards = await Promise.all(CLIENTS.map(async (client) => {
      const pod = await podOf(cluster, `app=${clientOf(client)}`, NAMESPACE);
      return [client, await portForward(cluster, `pod/${pod}`, CONTROL_PORT, '-n', NAMESPACE)] as const;
    }));
    return new Callers(new Map(forwards));
  }

  /** One request on each way, on a new connection. @returns what was answered, or what went wrong, by way */
  async askOnce(host: string): Promise<Record<string, string>> {
    const answers = await Promise.all(WAYS.map(async ({ name, client, order }) => {
      // One request has one outcome.
      const outcomes = (await this.#ask(client, '/repeat', { order: { ...order(host), protocol: 'http1' }, method: 'GET', path: '/', count: 1, atOnce: 1 } satisfies Repeat)) as Record<string, number>;
      return [name, Object.keys(outcomes)[0]?.replace(/^ok /, '').trim() ?? ''] as const;
    }));
    return Object.fromEntries(answers);
  }

  /** Asks each of the hosts on each way from now on. */
  async start(hosts: readonly string[], perSecond: number): Promise<void> {
    await Promise.all(CLIENTS.map((client) => {
      const ways = WAYS.filter((way) => way.client === client);
      const streams = ways.flatMap(({ name, order }) => hosts.map((host): StreamOrder => ({ name: `${name} ${host}`, protocol: 'http1', ...order(host), perSecond, methods: ['GET'] })));
      return this.#ask(client, '/start', { streams, sockets: [] } satisfies Order);
    }));
  }

  /** Since the start. */
  async report(): Promise<Outcome> {
    return this.#outcome('/report', 'GET');
  }

  /** Every request is answered, or has failed. */
  async stop(): Promise<Outcome> {
    return this.#outcome('/stop', 'POST');
  }

  async #outcome(path: string, method: 'GET' | 'POST'): Promise<Outcome> {
    // What this JSON holds is defined beside the client that makes it.
    const reports = (await Promise.all(CLIENTS.map((client) => this.#ask(client, path, {}, method)))) as Report[];
    return { streams: Object.assign({}, ...reports.map((r) => r.streams)) as Outcome['streams'], failures: reports.flatMap((r) => r.failures.map((f) => `${f.stream}: ${f.what}`)) };
  }

  close(): void {
    for (const forward of this.#forwards.values()) forward.close();
  }

  #ask(client: Client, path: string, body: unknown, method: 'GET' | 'POST' = 'POST'): Promise<unknown> {
    return ask(`http://127.0.0.1:${this.#forwards.get(client)?.port}`, path, method, method === 'GET' ? undefined : body);
  }
}
