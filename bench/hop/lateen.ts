import { join } from 'node:path';
import { bundleStaticProxy, startStaticProxy } from '../../src/testkit/static-proxy/start.ts';
import { sidesOf, type Peer } from './chain.ts';
import { clustersOf, listenersOf } from './resources.ts';

export const lateen: Peer = {
  name: 'Lateen',
  async start(plan) {
    await bundleStaticProxy();
    return Promise.all(sidesOf(plan).map((side) => startStaticProxy(join(plan.directory, `lateen-${side.role}`), { listeners: listenersOf(plan, side), clusters: clustersOf(plan, side) }, side.listenPort, plan.isFull ? { TELEMETRY: '1' } : {})));
  },
};
