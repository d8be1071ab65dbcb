/** The network of one side of the lab: a client's pod and a server's pod with captured traffic, a gateway's pod, and the world
 * around them, which joins them and holds all that has no proxy. Both sides have the same addresses. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { renderCaptureRules } from '../../../src/proxy/capture/nft.ts';
import { parseCaptureArguments } from '../../../src/proxy/capture/settings.ts';
import { Namespace } from './namespace.ts';

export const PLACES = ['client', 'server', 'gateway'] as const;
/** Pods that have a proxy. */
export type Place = (typeof PLACES)[number];

/** First address of each place; the server's pod has all of `10.244.1.10` to `.13`, so that it can play several pods. */
export const ADDRESS: Readonly<Record<Place, string>> = { client: '10.244.0.10', server: '10.244.1.10', gateway: '10.244.2.10' };
const SUBNET: Readonly<Record<Place, string>> = { client: '10.244.0', server: '10.244.1', gateway: '10.244.2' };
const MORE: Readonly<Record<Place, readonly string[]>> = { client: [], server: ['10.244.1.11', '10.244.1.12', '10.244.1.13'], gateway: [] };

/** Addresses in the world: pods without a proxy, then hosts outside of the cluster. */
export const WORLD_PODS = Array.from({ length: 12 }, (_, i) => `10.244.3.${i + 1}`);
export const OUTSIDE_HOSTS = Array.from({ length: 6 }, (_, i) => `10.250.0.${i + 1}`);
/** Knows those names and no others; in the world. */
export const NAME_SERVER = '10.250.0.53';
/** What proxies find for names outside of the cluster. */
export const OUTSIDE_NAMES: Readonly<Record<string, readonly string[]>> = {
  'first.example': [OUTSIDE_HOSTS[0] ?? ''],
  'second.example': [OUTSIDE_HOSTS[1] ?? ''],
  'both.example': [OUTSIDE_HOSTS[0] ?? '', OUTSIDE_HOSTS[1] ?? ''],
};
/** Packets to here vanish: nobody refuses, nobody answers. */
export const SILENT = '10.244.9.1';

/** As the injection template calls it. */
const CAPTURE = ['-p', '15001', '-z', '15006', '-u', '1337', '-m', 'REDIRECT', '-i', '*', '-x', '', '-b', '*', '-d', '15090,15021,15020'];

export class Network {
  readonly world: Namespace;
  readonly places: Readonly<Record<Place, Namespace>>;
  #names: ChildProcess | undefined;

  private constructor(world: Namespace, places: Readonly<Record<Place, Namespace>>) {
    this.world = world;
    this.places = places;
  }

  static async open(): Promise<Network> {
    const [world, client, server, gateway] = await Promise.all([Namespace.open(), Namespace.open(), Namespace.open(), Namespace.open()]);
    const network = new Network(world, { client, server, gateway });
    await world.run(['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
    await world.run(['ip', '-batch', '-'], batch(['link set lo up', ...[...WORLD_PODS, ...OUTSIDE_HOSTS, NAME_SERVER].map((address) => `addr add ${address}/32 dev lo`), 'route add blackhole 10.244.9.0/24']));
    for (const place of PLACES) await network.#join(place);
    await network.#answerNames();
    return network;
  }

  async close(): Promise<void> {
    this.#names?.kill('SIGKILL');
    await Promise.all([this.world.close(), ...PLACES.map((place) => this.places[place].close())]);
  }

  async #answerNames(): Promise<void> {
    const [program, ...args] = this.world.inside(['setpriv', '--pdeathsig', 'SIGKILL', process.execPath, '--no-warnings', fileURLToPath(new URL('./name-server.ts', import.meta.url)), NAME_SERVER, JSON.stringify(OUTSIDE_NAMES)]);
    this.#names = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await Promise.race([once(this.#names, 'exit').then(() => Promise.reject(new Error('the name server did not start'))), this.#names.stdout && once(this.#names.stdout, 'data')]);
  }

  async #join(place: Place): Promise<void> {
    const namespace = this.places[place];
    const subnet = SUBNET[place];
    await this.world.run(['ip', '-batch', '-'], batch([`link add ${place} type veth peer name eth0 netns ${namespace.pid}`, `addr add ${subnet}.1/24 dev ${place}`, `link set ${place} up`]));
    await namespace.run(['ip', '-batch', '-'], batch(['link set lo up', ...[ADDRESS[place], ...MORE[place]].map((address) => `addr add ${address}/24 dev eth0`), 'link set eth0 up', `route add default via ${subnet}.1`]));
    await namespace.run(['sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start']);
    if (place === 'gateway') return;
    const capture = parseCaptureArguments(CAPTURE);
    if (!capture.ok) throw new Error(capture.problems.join('; '));
    await namespace.run(['nft', '-f', '-'], renderCaptureRules(capture.settings));
  }
}

const batch = (lines: readonly string[]) => `${lines.join('\n')}\n`;
