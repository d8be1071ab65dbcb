import { join } from 'node:path';
import { startEnvoy } from '../../src/testkit/static-proxy/start.ts';
import { sidesOf, type Peer } from './chain.ts';
import { clustersOf, listenersOf } from './resources.ts';

export const envoy: Peer = {
  name: 'Envoy',
  start: (plan) => Promise.all(sidesOf(plan).map((side, i) => startEnvoy(join(plan.directory, `envoy-${side.role}`), { listeners: listenersOf(plan, side), clusters: clustersOf(plan, side) }, side.listenPort, 100 + i))),
};
