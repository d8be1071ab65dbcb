import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startServer } from '../process.ts';
import { sidesOf, type Peer } from './chain.ts';
import { clusterOf, listenerOf } from './resources.ts';

export const envoyBinary = process.env['LATEEN_ENVOY'] ?? '.cache/envoy';

export const envoy: Peer = {
  name: 'Envoy',
  start: (plan) => Promise.all(sidesOf(plan).map((side, i) => {
    const file = join(plan.directory, `envoy-${side.role}.json`);
    writeFileSync(file, JSON.stringify({ static_resources: { listeners: [listenerOf(plan, side)], clusters: [clusterOf(plan, side)] } }));
    return startServer(envoyBinary, ['-c', file, '--concurrency', '1', '--base-id', String(100 + i), '--log-level', 'error', '--disable-hot-restart'], side.listenPort);
  })),
};
