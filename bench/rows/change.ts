/** How fast a change of the mesh reaches every proxy, and what that costs, by size of the mesh. First one change at a time,
 * then many a second. `CHANGE_SIZES` (services×proxies), `CHANGE_SECONDS` (of the stream of changes), `CHANGES_PER_SECOND`. */
import { Clients } from '../change/clients.ts';
import { startApiServer, type ControlProcess } from '../change/control-plane.ts';
import { nowMs } from '../change/ledger.ts';
import type { MarkerKind } from '../change/marker.ts';
import { Mesh } from '../change/mesh.ts';
import { Stopwatch } from '../change/stopwatch.ts';
import type { Row } from '../row.ts';
import { markdownTable, percentile } from '../table.ts';

const SINGLE_CHANGES = Number(process.env['SINGLE_CHANGES'] ?? 30);
const SECONDS = Number(process.env['CHANGE_SECONDS'] ?? 60);
const PER_SECOND = Number(process.env['CHANGES_PER_SECOND'] ?? 70);
const SIZES = (process.env['CHANGE_SIZES'] ?? '100x100,100x500,1000x500,1000x1000,1000x2000').split(',').map((text) => {
  const [services = 0, proxies = 0] = text.split('x').map(Number);
  return { services, proxies };
});
const KINDS: readonly { kind: MarkerKind; name: string; share: number }[] = [
  { kind: 'e', name: 'endpoint', share: 0.72 },
  { kind: 'r', name: 'route', share: 0.21 },
  { kind: 's', name: 'new service', share: 0.07 },
];
/** Services that the stream adds are taken away again when there are this many. */
const GUESTS = 10;

const singles: string[][] = [];
const streams: string[][] = [];

export const change: Row = {
  name: 'change',
  about: 'from the write of a change to the API server until the last simulated delta-ADS client has acknowledged it',
  async run() {
    for (const size of SIZES) await measure(size);
    console.log(markdownTable(['services', 'proxies', 'one change of', 'p50 ms', 'p99 ms', 'CPU ms of the control plane', 'CPU ms of all clients', 'sent KB'], singles));
    console.log('');
    console.log(markdownTable(['services', 'proxies', `${PER_SECOND} changes/s for ${SECONDS} s`, 'p50 ms', 'p99 ms', 'max ms', 'CPU of the control plane, cores', 'of the clients', 'of API server and driver', 'responses/s for each client', 'sent MB/s', 'resident MB, peak'], streams));
  },
};

interface Rig {
  readonly size: { services: number; proxies: number };
  readonly mesh: Mesh;
  readonly control: ControlProcess;
  readonly clients: Clients;
  readonly watch: Stopwatch;
}

async function measure(size: { services: number; proxies: number }): Promise<void> {
  const plane = await startApiServer();
  const watch = new Stopwatch();
  const clients = new Clients(watch.take);
  const ready = clients.ready();
  try {
    const mesh = new Mesh(plane.api.client, size);
    await mesh.create();
    const control = await plane.start();
    try {
      await ready;
      const rig = { size, mesh, control, clients, watch };
      await connect(rig);
      for (const { kind, name } of KINDS) await single(rig, kind, name);
      await stream(rig);
      await verify(rig);
    } finally {
      await control.stop();
    }
  } finally {
    clients.close();
    await plane.close();
  }
}

async function connect({ size, mesh, control, clients }: Rig): Promise<void> {
  const started = nowMs();
  const cpu = control.cpuSeconds();
  await clients.connect(control.port, mesh.pods.slice(0, size.proxies));
  const { received } = await clients.figures();
  console.log(`${size.services} services, ${size.proxies} proxies: connected and configured in ${((nowMs() - started) / 1000).toFixed(1)} s, CPU of the control plane ${(control.cpuSeconds() - cpu).toFixed(1)} s, ${(received / 2 ** 20).toFixed(0)} MB, resident ${control.memory().nowMb.toFixed(0)} MB`);
}

async function single({ size, mesh, control, clients, watch }: Rig, kind: MarkerKind, name: string): Promise<void> {
  const before = { cpu: control.cpuSeconds(), clients: clients.cpuSeconds(), bytes: await control.sentBytes() };
  for (let i = 0; i < SINGLE_CHANGES; i++) {
    await make(mesh, watch, { kind, pick: i * 7 });
    await watch.settled();
  }
  const each = (total: number) => total / SINGLE_CHANGES;
  const times = watch.drain().get(kind) ?? [];
  singles.push([
    String(size.services), String(size.proxies), name, percentile(times, 0.5).toFixed(0), percentile(times, 0.99).toFixed(0),
    (each(control.cpuSeconds() - before.cpu) * 1000).toFixed(0), (each(clients.cpuSeconds() - before.clients) * 1000).toFixed(0), (each((await control.sentBytes()) - before.bytes) / 1024).toFixed(0),
  ]);
  console.log(singles.at(-1)?.join('\t'));
}

function make(mesh: Mesh, { start }: Stopwatch, { kind, pick }: { kind: MarkerKind; pick: number }): Promise<void> {
  if (kind === 'e') return mesh.changeEndpoints(pick, start);
  return kind === 'r' ? mesh.changeRoute(pick, start) : mesh.addService(pick, start);
}

/** At a steady pace, whether or not the ones before have been taken. */
async function stream(rig: Rig): Promise<void> {
  const { size, control, clients, watch } = rig;
  const before = { cpu: control.cpuSeconds(), clients: clients.cpuSeconds(), own: process.cpuUsage(), bytes: await control.sentBytes(), messages: (await clients.figures()).messages, at: nowMs() };
  await changes(rig);
  const seconds = (nowMs() - before.at) / 1000;
  const own = process.cpuUsage(before.own);
  const rate = (total: number) => (total / seconds).toFixed(2);
  const costs = [rate(control.cpuSeconds() - before.cpu), rate(clients.cpuSeconds() - before.clients), rate((own.user + own.system) / 1e6), rate(((await clients.figures()).messages - before.messages) / size.proxies), (((await control.sentBytes()) - before.bytes) / seconds / 2 ** 20).toFixed(1), control.memory().peakMb.toFixed(0)];
  await watch.settled();
  const times = watch.drain();
  const rows = [['all', [...times.values()].flat()] as const, ...KINDS.map(({ kind, name }) => [name, times.get(kind) ?? []] as const)];
  for (const [name, list] of rows) {
    streams.push([String(size.services), String(size.proxies), `${name} (${list.length})`, percentile(list, 0.5).toFixed(0), percentile(list, 0.99).toFixed(0), list.reduce((a, b) => Math.max(a, b), 0).toFixed(0), ...(name === 'all' ? costs : costs.map(() => ''))]);
    console.log(streams.at(-1)?.join('\t'));
  }
}

async function changes({ mesh, watch }: Rig): Promise<void> {
  const started = nowMs();
  const owed = KINDS.map(() => 0);
  let guests = 0;
  for (let i = 0; i < SECONDS * PER_SECOND; i++) {
    const waitMs = started + (i * 1000) / PER_SECOND - nowMs();
    if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
    KINDS.forEach(({ share }, k) => void (owed[k] = (owed[k] ?? 0) + share));
    const next = owed.indexOf(Math.max(...owed));
    owed[next] = (owed[next] ?? 0) - 1;
    const kind = KINDS[next]?.kind ?? 'e';
    if (kind === 's' && guests >= GUESTS) {
      await mesh.removeService(watch.isTaken);
      guests -= 1;
      continue;
    }
    if (kind === 's') guests += 1;
    await make(mesh, watch, { kind, pick: (i * 7919) % 1_000_003 });
  }
}

/** What is gone stays with clients for so long at most, when no change comes with which it could go. */
const GONE_MS = 3_000;

/** Clients hold what fresh clients of the same nodes are given. */
async function verify({ clients, control }: Rig): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, GONE_MS));
  const { different, resources, clients: compared } = await clients.compare();
  console.log(`${compared} clients compared with fresh ones: ${resources} resources held, ${different.length} different${different.length > 0 ? `: ${different.join('; ')}` : ''}; streams lost: ${clients.failures.length} ${clients.failures.slice(0, 3).join('; ')}; warnings of the control plane: ${control.warnings.length} ${control.warnings.slice(0, 3).join('; ')}; resident ${control.memory().nowMb.toFixed(0)} MB`);
}
