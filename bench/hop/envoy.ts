import { join } from 'node:path';
import { startEnvoy } from '../../src/testkit/static-proxy/start.ts';
import { sidesOf, type Peer } from './chain.ts';
import { clustersOf, listenerOf } from './resources.ts';

export const envoy: Peer = {
  name: 'Envoy',
  start: (plan) => Promise.all(sidesOf(plan).map((side, i) => startEnvoy(join(plan.directory, `envoy-${side.role}`), { listeners: [listenerOf(plan, side)], clusters: clustersOf(plan, side) }, side.listenPort, 100 + i))),
};
