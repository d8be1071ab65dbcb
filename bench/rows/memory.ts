/** Memory of a sidecar by the number of services that it knows, of which few are called. */
import { request } from 'node:http';
import { join } from 'node:path';
import { bundleStaticProxy, startEnvoy, startStaticProxy } from '../../src/testkit/static-proxy/start.ts';
import { PORTS, withRig } from '../hop/rig.ts';
import { clusterOf, listenerOf } from '../hop/resources.ts';
import { sidesOf, type Plan } from '../hop/chain.ts';
import { pssMegabytes } from '../process-figures.ts';
import type { Row } from '../row.ts';
import { markdownTable, median } from '../table.ts';

const SIZES = [1, 20, 2000];
const CALLED = 5;

export const memory: Row = {
  name: 'memory',
  about: `resident memory (PSS) with ${SIZES.join(', ')} services, of which ${CALLED} are called (aim: ≤ 1.0 × Envoy; from 20 to 2,000 ≤ 10 % more)`,
  async run(options) {
    await bundleStaticProxy();
    await withRig({}, async (plan) => {
      const start = {
        Envoy: (home: string, services: number) => startEnvoy(home, resourcesOf(plan, services), PORTS.listen, 120),
        Lateen: (home: string, services: number) => startStaticProxy(home, resourcesOf(plan, services), PORTS.listen),
      };
      const rows = [];
      for (const [name, run] of Object.entries(start)) {
        const figures: number[] = [];
        for (const services of SIZES) {
          const samples = [];
          for (let round = 0; round < options.runs; round++) {
            const server = await run(join(plan.directory, `${name}-${services}`), services);
            try {
              for (let i = 0; i < Math.min(CALLED, services); i++) await call(`service-${i}.default`);
              samples.push(pssMegabytes(server.pid));
            } finally {
              await server.stop();
            }
          }
          figures.push(median(samples));
        }
        rows.push([name, ...figures.map((f) => f.toFixed(1)), `${(((figures[2] ?? 0) / (figures[1] ?? 1) - 1) * 100).toFixed(0)} %`]);
      }
      console.log(markdownTable(['proxy', ...SIZES.map((n) => `${n} service${n > 1 ? 's' : ''}, MB`), 'growth from 20 to 2,000'], rows));
    });
  },
};

/** A cluster and a virtual host for each service, as a sidecar has them. */
function resourcesOf(plan: Plan, services: number): { listeners: object[]; clusters: object[] } {
  const [side] = sidesOf(plan);
  if (!side) throw new Error('unreachable: a plan has a side');
  const virtualHosts = Array.from({ length: services }, (_, i) => ({ name: `service-${i}`, domains: [`service-${i}`, `service-${i}.default`, `service-${i}.default.svc`, `service-${i}.default.svc.cluster.local`], routes: [{ name: 'default', match: { prefix: '/' }, route: { cluster: `service-${i}`, timeout: '0s', retry_policy: { retry_on: 'connect-failure,refused-stream', num_retries: 2 } } }] }));
  const listener = JSON.parse(JSON.stringify(listenerOf(plan, side)), (key, value: unknown) => (key === 'virtual_hosts' ? virtualHosts : value)) as object;
  const cluster = clusterOf(plan, side);
  return { listeners: [listener], clusters: virtualHosts.map(({ name }) => ({ ...cluster, name, load_assignment: JSON.parse(JSON.stringify(cluster['load_assignment']).replaceAll('"target"', JSON.stringify(name))) as object })) };
}

function call(host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const one = request({ port: PORTS.listen, host: '127.0.0.1', path: '/body', headers: { host } }, (response) => {
      response.resume();
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`${host} answered ${response.statusCode}`))));
    });
    one.on('error', reject);
    one.end();
  });
}
