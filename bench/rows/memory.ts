/** Memory of a sidecar by the number of services that it knows, of which few are called. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join, resolve } from 'node:path';
import { startServer, type ServerProcess } from '../../src/testkit/server-process.ts';
import type { StaticResources } from '../../src/testkit/static-proxy/start.ts';
import { sidesOf, type Plan } from '../hop/chain.ts';
import { clusterOf, listenerOf } from '../hop/resources.ts';
import { PORTS, withRig } from '../hop/rig.ts';
import { sidecarCommand, type SidecarCommand } from '../hop/sidecar.ts';
import { pssMegabytes } from '../process-figures.ts';
import type { Row } from '../row.ts';
import { markdownTable, median } from '../table.ts';

const SIZES = [1, 20, 2000];
const CALLED = 5;
/** Proxies at once, as on a machine with so many pods: they share the pages of their program. */
const PROXIES = 4;
const ENVOY = process.env['LATEEN_ENVOY'] ?? resolve('.cache/envoy');

type Prepare = (home: string, resources: StaticResources, index: number) => SidecarCommand;

export const memory: Row = {
  name: 'memory',
  about: `memory of a sidecar (PSS, ${PROXIES} of them on the machine) with ${SIZES.join(', ')} services, of which ${CALLED} are called (aim: ≤ 1.0 × Envoy; from 20 to 2,000 ≤ 10 % more)`,
  async run(options) {
    await withRig({}, async (plan) => {
      const rows = [];
      for (const [name, prepare] of Object.entries(candidates(plan.directory))) {
        const figures: number[] = [];
        for (const services of SIZES) {
          const samples: number[] = [];
          for (let round = 0; round < options.runs; round++) samples.push(await measure(plan, services, (home, resources, i) => prepare(join(plan.directory, `${name}-${home}`), resources, i)));
          figures.push(median(samples));
        }
        rows.push([name, ...figures.map((f) => f.toFixed(1)), `${(((figures[2] ?? 0) / (figures[1] ?? 1) - 1) * 100).toFixed(0)} %`]);
      }
      console.log(markdownTable(['proxy', ...SIZES.map((n) => `${n} service${n > 1 ? 's' : ''}, MB`), 'growth from 20 to 2,000'], rows));
    });
  },
};

/** Programs of their own: whatever else the machine runs, by the same file, would share their pages. */
function candidates(directory: string): Readonly<Record<string, Prepare>> {
  const own = (file: string, name: string) => {
    copyFileSync(file, join(directory, name));
    return join(directory, name);
  };
  const [envoy, node] = [own(ENVOY, 'envoy'), own(process.execPath, 'node')];
  return {
    Envoy(home, resources, i) {
      mkdirSync(home, { recursive: true });
      writeFileSync(join(home, 'envoy.json'), JSON.stringify({ static_resources: resources }));
      return { file: envoy, args: ['-c', join(home, 'envoy.json'), '--concurrency', '1', '--base-id', String(120 + i), '--log-level', 'error', '--disable-hot-restart'], env: {} };
    },
    Lateen: (home, resources) => sidecarCommand(home, resources, { node }),
  };
}

async function measure(plan: Plan, services: number, prepare: Prepare): Promise<number> {
  const proxies: ServerProcess[] = [];
  try {
    for (let i = 0; i < PROXIES; i++) {
      const port = PORTS.listen + i;
      const { file, args, env } = prepare(`${services}-${i}`, resourcesOf({ ...plan, listenPort: port }, services), i);
      proxies.push(await startServer(file, args, port, env));
      for (let called = 0; called < Math.min(CALLED, services); called++) await call(`service-${called}.default`, port);
    }
    return proxies.reduce((sum, { pid }) => sum + pssMegabytes(pid), 0) / PROXIES;
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  }
}

/** A cluster and a virtual host for each service, as a sidecar has them. */
function resourcesOf(plan: Plan, services: number): StaticResources {
  const [side] = sidesOf(plan);
  if (!side) throw new Error('unreachable: a plan has a side');
  const virtualHosts = Array.from({ length: services }, (_, i) => ({ name: `service-${i}`, domains: [`service-${i}`, `service-${i}.default`, `service-${i}.default.svc`, `service-${i}.default.svc.cluster.local`], routes: [{ name: 'default', match: { prefix: '/' }, route: { cluster: `service-${i}`, timeout: '0s', retry_policy: { retry_on: 'connect-failure,refused-stream', num_retries: 2 } } }] }));
  const listener = JSON.parse(JSON.stringify(listenerOf(plan, side)), (key, value: unknown) => (key === 'virtual_hosts' ? virtualHosts : value)) as object;
  const cluster = clusterOf(plan, side);
  return { listeners: [listener], clusters: virtualHosts.map(({ name }) => ({ ...cluster, name, load_assignment: JSON.parse(JSON.stringify(cluster['load_assignment']).replaceAll('"target"', JSON.stringify(name))) as object })) };
}

function call(host: string, port: number): Promise<void> {
  return new Promise((done, reject) => {
    const one = request({ port, host: '127.0.0.1', path: '/body', headers: { host } }, (response) => {
      response.resume();
      response.on('end', () => (response.statusCode === 200 ? done() : reject(new Error(`${host} answered ${response.statusCode}`))));
    });
    one.on('error', reject);
    one.end();
  });
}
