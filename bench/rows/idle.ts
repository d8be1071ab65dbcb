/** What a connection costs over which nothing passes. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { envoy } from '../hop/envoy.ts';
import { lateen } from '../hop/lateen.ts';
import type { Peer, Plan } from '../hop/chain.ts';
import { PORTS, urlOfBody, withRig } from '../hop/rig.ts';
import type { ServerProcess } from '../../src/testkit/server-process.ts';
import { runH2load } from '../load.ts';
import { pssMegabytes } from '../process-figures.ts';
import type { Row } from '../row.ts';
import { markdownTable } from '../table.ts';

/** Of plain ones. Clients are several processes, too. */
const WANTED = Number(process.env['IDLE_CONNECTIONS'] ?? 100_000);
const FOR_EACH_CLIENT = 10_000;
const TLS_CONNECTIONS = 4000;
const CLIENT = join(import.meta.dirname, '../hostile/idle-client.ts');
const MS_TO_SETTLE = 1000;
/** Of a proxy without clients, and more than that. */
const OWN_DESCRIPTORS = 500;

const KINDS = [['silent', 'plain, silent from the start'], ['asked', 'plain, after a request'], ['tls', 'mutual TLS, after a request']] as const;

export const idleConnections: Row = {
  name: 'idle',
  about: `connections that do nothing (wanted: ${WANTED}): memory for each (PSS), and latency of others beside them (aim: bounded)`,
  async run() {
    const rows: string[][] = [];
    for (const [kind, label] of KINDS) {
      await withRig({ mtls: kind === 'tls' }, async (plan) => {
        for (const peer of [envoy, lateen]) rows.push([peer.name, label, ...(await measure(peer, plan, kind))]);
      });
    }
    console.log(markdownTable(['proxy', 'connections', 'open', 'by proxies', 'memory without, MB', 'with, MB', 'KB for each', 'p99 of others, ms', 'without, ms'], rows));
    console.log(`\nA process may hold ${descriptors()} descriptors here.`);
  },
};

/** As many proxies as it takes: a process may hold so many descriptors. With TLS the inner of two proxies is the one that is measured. */
async function measure(peer: Peer, plan: Plan, kind: (typeof KINDS)[number][0]): Promise<string[]> {
  const wanted = kind === 'tls' ? TLS_CONNECTIONS : WANTED;
  const hops = kind === 'tls' ? 1 : Math.ceil(wanted / (descriptors() - OWN_DESCRIPTORS));
  const proxies: ServerProcess[] = [];
  const measured: { readonly pid: number; readonly port: number }[] = [];
  const load = () => runH2load(urlOfBody(plan.listenPort), { http1: true, connections: 8, perSecond: 400, seconds: 2 });
  const memory = () => measured.reduce((sum, { pid }) => sum + pssMegabytes(pid), 0);
  const clients: Client[] = [];
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
    for (const { port } of measured) {
      const each = Math.ceil(wanted / hops);
      for (let i = 0; i < each; i += FOR_EACH_CLIENT) clients.push(await startClient(plan, [port, Math.min(FOR_EACH_CLIENT, each - i), kind, clients.length]));
    }
    const open = clients.reduce((sum, client) => sum + client.open, 0);
    await new Promise((resolve) => setTimeout(resolve, MS_TO_SETTLE));
    const beside = await load();
    const after = memory();
    return [String(open), String(hops), before.toFixed(0), after.toFixed(0), (((after - before) * 1024) / open).toFixed(1), beside.p99Ms.toFixed(2), without.p99Ms.toFixed(2)];
  } finally {
    for (const client of clients) client.end();
    await Promise.all(proxies.map((one) => one.stop()));
  }
}

interface Client {
  readonly open: number;
  end(): void;
}

function startClient(plan: Plan, what: readonly [port: number, count: number, kind: string, number: number]): Promise<Client> {
  const { certificates } = plan;
  const identity = certificates ? [certificates.ca, certificates.client.certificate, certificates.client.key] : [];
  const child = spawn(process.execPath, ['--no-warnings', CLIENT, ...what.map(String), ...identity], { stdio: ['pipe', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.stdout.once('data', (said: Buffer) => resolve({ open: Number(said.toString()), end: () => child.stdin.end() }));
    child.once('exit', () => reject(new Error(`the client of ${what[1]} idle connections ended`)));
  });
}

/** Of one process, as far as the system lets us. */
function descriptors(): number {
  const limits = process.report?.getReport() as { userLimits?: { open_files?: { hard?: number | string } } } | undefined;
  const hard = limits?.userLimits?.open_files?.hard;
  return typeof hard === 'number' ? hard : WANTED + 1000;
}
