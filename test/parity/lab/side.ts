/** One side of the comparison: a network with three proxies of one kind, their control plane, the applications and the clients. */
import { connect, type Server } from 'node:net';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { MeshInputs } from '../../../src/control/registry/snapshot.ts';
import { eventually } from '../../../src/testkit/eventually.ts';
import { AccessLog } from './access-log.ts';
import { App, type AppKind } from './app.ts';
import { Http1Connection } from './client.ts';
import { ControlPlane } from './control-plane.ts';
import { IDENTITIES, LabAuthority } from './identities.ts';
import { emptyMesh } from './mesh.ts';
import type { Namespace } from './namespace.ts';
import { Network, PLACES, type Place } from './network.ts';
import { startProxy, type Engine, type LabProxy } from './proxies.ts';

/** What of the world a scenario arranges besides the mesh. */
export interface Arrangement {
  readonly apps: Readonly<Record<number, AppKind>>;
  readonly refuses: readonly string[];
  readonly silent: readonly string[];
}

interface Serving {
  readonly server: Server;
  kind: AppKind;
}

/** Of both kinds of proxy. */
const ADMIN_PORT = 15_000;
const ALWAYS_SERVED = [8080, 7070, 9000, 8443, 8000];

export class Side {
  readonly engine: Engine;
  readonly network: Network;
  readonly app: App;
  readonly authority: LabAuthority;
  readonly control: ControlPlane;
  readonly logs: Readonly<Record<Place, AccessLog>>;
  /** What a reader of a failure wants to know; of the present scenario. */
  readonly notes: string[] = [];
  readonly #proxies: Readonly<Record<Place, LabProxy>>;
  readonly #serving = new Map<string, Serving>();
  readonly #names: Map<string, string>;
  #firewall = '';

  private constructor(parts: Pick<Side, 'engine' | 'network' | 'app' | 'authority' | 'control' | 'logs'> & { proxies: Record<Place, LabProxy>; names: Map<string, string> }) {
    ({ engine: this.engine, network: this.network, app: this.app, authority: this.authority, control: this.control, logs: this.logs } = parts);
    this.#proxies = parts.proxies;
    this.#names = parts.names;
  }

  /** @param authority of both sides */
  static async start(engine: Engine, home: string, authority: LabAuthority): Promise<Side> {
    mkdirSync(home, { recursive: true });
    chmodSync(home, 0o755);
    const certificates = new Map(PLACES.map((place) => [IDENTITIES[place].pod, authority.workload(IDENTITIES[place])]));
    const certificateOf = (pod: string) => {
      const found = certificates.get(pod);
      if (!found) throw new Error(`no certificate for ${pod}`);
      return found;
    };
    const network = await Network.open();
    const control = await ControlPlane.start(join(home, 'control.sock'), emptyMesh(), (nodeId) => certificateOf(nodeId.split('~')[2]?.split('.')[0] ?? ''));
    const names = new Map<string, string>();
    const app = new App({ nameOf: (address) => names.get(address) ?? address, certificate: authority.server(['app.example', '*.app.example']) });
    const proxies = {} as Record<Place, LabProxy>;
    for (const place of PLACES) {
      const namespace = network.places[place];
      await relay(namespace, control.socket);
      proxies[place] = startProxy(engine, { place, namespace, home: join(home, place), controlPlane: control.socket, certificate: certificateOf(IDENTITIES[place].pod) });
    }
    const logs = Object.fromEntries(PLACES.map((place) => [place, new AccessLog(proxies[place].logFile)])) as Record<Place, AccessLog>;
    const side = new Side({ engine, network, app, authority, control, logs, proxies, names });
    await control.settled(PLACES.length);
    return side;
  }

  /** Forgets the scenario before and puts this one into force. */
  async prepare(inputs: MeshInputs, arrangement: Arrangement): Promise<void> {
    this.control.push(emptyMesh());
    await this.control.settled(PLACES.length);
    this.app.forget();
    this.notes.length = 0;
    for (const place of PLACES) this.logs[place].forget();
    await this.#serve(inputs, arrangement);
    await this.update(inputs);
  }

  async update(inputs: MeshInputs): Promise<void> {
    this.#names.clear();
    for (const pod of inputs.pods) this.#names.set(pod.status?.podIP ?? '', pod.metadata.name);
    this.control.push(inputs);
    try {
      await this.control.settled(PLACES.length);
    } catch (error) {
      throw new Error(this.#complaint(), { cause: error });
    }
    // Either kind of proxy acknowledges a cluster before it has looked up its name, and Envoy a listener before it has its certificates.
    const looksUp = inputs.serviceEntries.some(({ spec }) => spec?.resolution?.startsWith('DNS'));
    if (looksUp || this.engine === 'envoy') await Promise.all(PLACES.map((place) => this.#warm(place)));
  }

  /** Waits until a proxy knows the addresses of all its clusters, or that there are none, and serves by its newest listeners. */
  async #warm(place: Place): Promise<void> {
    const connection = new Http1Connection(await this.network.places[place].connect({ host: '127.0.0.1', port: ADMIN_PORT }));
    const wanted = ['cluster_manager.warming_clusters: 0', ...(this.engine === 'envoy' ? ['listener_manager.total_listeners_warming: 0'] : [])];
    await eventually(async () => {
      connection.write(`GET /stats?filter=warming HTTP/1.1\r\nhost: ${place}\r\n\r\n`);
      const { body } = await connection.read('GET', 5000);
      if (!wanted.every((line) => body.includes(line))) throw new Error(`${this.engine} ${place} is not warm: ${body}`);
    }, { timeoutMs: 15_000, everyMs: 5 }).finally(() => connection.close());
  }

  /** Of these endpoints, `address:port`, those that a proxy leaves out since they have failed. */
  async ejected(place: Place, endpoints: readonly string[]): Promise<string[]> {
    const connection = new Http1Connection(await this.network.places[place].connect({ host: '127.0.0.1', port: ADMIN_PORT }));
    connection.write(`GET /clusters HTTP/1.1\r\nhost: ${place}\r\n\r\n`);
    const { body } = await connection.read('GET', 5000);
    connection.close();
    return endpoints.filter((at) => body.split('\n').some((line) => line.includes(`::${at}::health_flags::`) && line.includes('/failed_outlier_check')));
  }

  nameOf(address: string): string {
    return this.#names.get(address) ?? address;
  }

  /** The last that a proxy has said on standard error. */
  errorsOf(place: Place): string {
    return this.#proxies[place].errors().slice(-1000);
  }

  async close(): Promise<void> {
    for (const { server } of this.#serving.values()) server.close();
    this.app.forget();
    await this.control.close();
    for (const place of PLACES) this.logs[place].close();
    await Promise.all(PLACES.map((place) => this.#proxies[place].close()));
    await this.network.close();
  }

  #complaint(): string {
    const words = PLACES.flatMap((place) => {
      const { exit, errors } = this.#proxies[place];
      const text = [exit() === undefined ? '' : `ended with ${exit()}`, errors().slice(-2000)].filter((part) => part !== '').join('\n');
      return text === '' ? [] : [`${this.engine} ${place}: ${text}`];
    });
    return words.join('\n') || `${this.engine}: a proxy did not take the configuration`;
  }

  async #serve(inputs: MeshInputs, { apps, refuses, silent }: Arrangement): Promise<void> {
    const slicePorts = inputs.endpointSlices.flatMap((slice) => (slice.ports ?? []).map((port) => port.port ?? 0));
    const entryPorts = inputs.serviceEntries.flatMap(({ spec }) => [...(spec?.ports ?? []).map((port) => port.targetPort ?? port.number), ...(spec?.endpoints ?? []).flatMap((endpoint) => Object.values(endpoint.ports ?? {}))]);
    const ports = new Set([...ALWAYS_SERVED, ...slicePorts, ...entryPorts, ...Object.keys(apps).map(Number)].filter((port) => port > 0 && port < 15_000));
    for (const [name, namespace] of [['world', this.network.world], ['client', this.network.places.client], ['server', this.network.places.server]] as const) {
      for (const port of ports) await this.#listen(`${name}:${port}`, namespace, { port, kind: apps[port] ?? 'listens' });
    }
    const drops = (list: readonly string[], verdict: string) => list.map((at) => `    ip daddr ${at.split(':')[0]} tcp dport ${at.split(':')[1]} ${verdict}\n`).join('');
    const firewall = `add table ip lab\ndelete table ip lab\ntable ip lab {\n  chain input {\n    type filter hook input priority 0; policy accept;\n${drops(refuses, 'reject with tcp reset')}${drops(silent, 'drop')}  }\n}\n`;
    if (firewall !== this.#firewall) await this.network.world.run(['nft', '-f', '-'], firewall);
    this.#firewall = firewall;
  }

  async #listen(key: string, namespace: Namespace, { port, kind }: { port: number; kind: AppKind }): Promise<void> {
    const known = this.#serving.get(key);
    if (known) {
      known.kind = kind;
      return;
    }
    const serving: Serving = { server: await namespace.listen('0.0.0.0', port), kind };
    serving.server.on('connection', (socket) => this.app.accept(socket, serving.kind));
    this.#serving.set(key, serving);
  }
}

/** The control plane, at the address where our proxy looks for it: its own loopback. */
async function relay(namespace: Namespace, socketPath: string): Promise<void> {
  const server = await namespace.listen('127.0.0.1', 15_010);
  server.unref();
  server.on('connection', (client) => {
    const upstream = connect(socketPath);
    for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
}
