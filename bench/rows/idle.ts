/** What a connection costs over which nothing passes, and what becomes of those who are too many. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { startServer, type ServerProcess } from '../../src/testkit/server-process.ts';
import { mostClients } from '../../src/proxy/net/descriptor-share.ts';
import { sidesOf, type Peer, type Plan } from '../hop/chain.ts';
import { envoy } from '../hop/envoy.ts';
import { lateen } from '../hop/lateen.ts';
import { clustersOf, listenerOf } from '../hop/resources.ts';
import { PORTS, urlOfBody, withRig } from '../hop/rig.ts';
import { sidecarCommand } from '../hop/sidecar.ts';
import { IdleClients } from '../hostile/idle-clients.ts';
import { runH2load } from '../load.ts';
import { pssMegabytes } from '../process-figures.ts';
import type { Row } from '../row.ts';
import { markdownRow, markdownTable } from '../table.ts';

/** Of plain ones. */
const WANTED = Number(process.env['IDLE_CONNECTIONS'] ?? 100_000);
/** A handshake of both sides takes several milliseconds of the two processors. */
const TLS_CONNECTIONS = Math.min(WANTED, 5000);
const MS_TO_SETTLE = 1000;
/** Of a proxy without clients, and more than that. */
const OWN_DESCRIPTORS = 500;
const LOAD_SECONDS = 3;
/** Those who are too many. */
const BEYOND = 1000;

const KINDS = [['silent', 'plain, silent from the start'], ['asked', 'plain, after a request'], ['tls', 'mutual TLS, after a request']] as const;
type Kind = (typeof KINDS)[number][0];

export const idleConnections: Row = {
  name: 'idle',
  about: `connections that do nothing (wanted: ${WANTED}; of TLS ${TLS_CONNECTIONS}): memory for each (PSS), and latency of others beside them (aim: bounded)`,
  async run() {
    const peers = [envoy, lateen].filter(({ name }) => (process.env['PROXIES'] ?? name).includes(name));
    const clients = new IdleClients();
    console.log(markdownTable(['proxy', 'connections', 'held at once', 'by proxies', 'their descriptors', 'opened in, s', 'memory without, MB', 'with, MB', 'KB for each', 'p50, p99 of others, ms', 'without, ms'], []));
    for (const [kind, label] of KINDS) {
      await withRig({ mtls: kind === 'tls' }, async (plan) => {
        for (const peer of peers) console.log(markdownRow([peer.name, label, ...(await measure(peer, plan, { kind, clients }))]));
      });
    }
    console.log(`\nA process may hold ${descriptors()} descriptors here.\n`);
    if (peers.includes(lateen)) await withRig({}, async (plan) => {
      console.log(markdownTable(['sidecar as shipped', 'connections', 'held', 'refused', 'slowest refusal, ms', 'p50, p99 of others meanwhile, ms', 'their failures', 'held when as many have gone'], [await beyond(plan, clients)]));
    });
  },
};

/** As many proxies as it takes: a process may hold so many descriptors. With TLS the inner of two proxies is the one that is measured. */
async function measure(peer: Peer, plan: Plan, { kind, clients }: { readonly kind: Kind; readonly clients: IdleClients }): Promise<string[]> {
  const wanted = kind === 'tls' ? TLS_CONNECTIONS : WANTED;
  const hops = kind === 'tls' ? 1 : Math.ceil(wanted / (descriptors() - OWN_DESCRIPTORS));
  const proxies: ServerProcess[] = [];
  const measured: { readonly pid: number; readonly port: number }[] = [];
  const load = () => others(plan, LOAD_SECONDS);
  const memory = () => measured.reduce((sum, { pid }) => sum + pssMegabytes(pid), 0);
  try {
    for (let i = 0; i < hops; i++) {
      const listenPort = i === 0 ? plan.listenPort : PORTS.routes + i;
      const hop = await peer.start({ ...plan, listenPort, directory: join(plan.directory, `${peer.name}-${i}`) });
      proxies.push(...hop);
      measured.push({ pid: hop.at(-1)?.pid ?? 0, port: kind === 'tls' ? plan.middlePort : listenPort });
    }
    await load();
    const without = await load();
    const before = memory();
    const begun = performance.now();
    const each = Math.ceil(wanted / hops);
    for (const [i, { port }] of measured.entries()) await clients.open(plan, { port, kind, count: Math.min(each, wanted - i * each) });
    const seconds = (performance.now() - begun) / 1000;
    await new Promise((resolve) => setTimeout(resolve, MS_TO_SETTLE));
    const beside = await load();
    const [after, held] = [memory(), measured.reduce((sum, { pid }) => sum + readdirSync(`/proc/${pid}/fd`).length, 0)];
    const open = await clients.end();
    return [String(open), String(hops), String(held), seconds.toFixed(0), before.toFixed(0), after.toFixed(0), (((after - before) * 1024) / open).toFixed(1), percentiles(beside), percentiles(without)];
  } finally {
    await clients.end();
    await Promise.all(proxies.map((one) => one.stop()));
  }
}

/** As many as the sidecar takes where nothing else is said, and more. */
async function beyond(plan: Plan, clients: IdleClients): Promise<string[]> {
  const most = mostClients();
  const command = sidecarCommand(join(plan.directory, 'sidecar'), { listeners: sidesOf(plan).map((side) => listenerOf(plan, side)), clusters: sidesOf(plan).flatMap((side) => clustersOf(plan, side)) });
  const sidecar = await startServer(command.file, command.args, plan.listenPort, command.env);
  try {
    const at = { port: plan.listenPort, kind: 'asked' } as const;
    const first = await clients.open(plan, { ...at, count: most - BEYOND });
    // Others are there already when it becomes too much.
    const meanwhile = others(plan, LOAD_SECONDS * 2);
    await new Promise((resolve) => setTimeout(resolve, MS_TO_SETTLE));
    const second = await clients.open(plan, { ...at, count: BEYOND * 2 });
    const beside = await meanwhile;
    await clients.end();
    const again = await clients.open(plan, { ...at, count: BEYOND });
    return [
      'Lateen', String(most - BEYOND + BEYOND * 2), String(first.open + second.open), String(first.refused + second.refused), second.slowestRefusalMs.toFixed(0), percentiles(beside), String(beside.errors), `${again.open} of ${BEYOND}`,
    ];
  } finally {
    await clients.end();
    await sidecar.stop();
  }
}

/** Who has nothing to do with it. */
const others = (plan: Plan, seconds: number) => runH2load(urlOfBody(plan.listenPort), { http1: true, connections: 8, perSecond: 400, seconds });

const percentiles = ({ p50Ms, p99Ms }: { readonly p50Ms: number; readonly p99Ms: number }): string => `${p50Ms.toFixed(2)}, ${p99Ms.toFixed(2)}`;

/** Of one process, as far as the system lets us. */
function descriptors(): number {
  const limits = process.report?.getReport() as { userLimits?: { open_files?: { hard?: number | string } } } | undefined;
  const hard = limits?.userLimits?.open_files?.hard;
  return typeof hard === 'number' ? hard : WANTED + 1000;
}
