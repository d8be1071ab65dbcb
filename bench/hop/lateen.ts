import { join } from 'node:path';
import { bundleStaticProxy, startStaticProxy } from '../../src/testkit/static-proxy/start.ts';
import { sidesOf, type Peer } from './chain.ts';
import { clustersOf, listenerOf } from './resources.ts';

export const lateen: Peer = {
  name: 'Lateen',
  async start(plan) {
    await bundleStaticProxy();
    return Promise.all(sidesOf(plan).map((side) => startStaticProxy(join(plan.directory, `lateen-${side.role}`), { listeners: [listenerOf(plan, side)], clusters: clustersOf(plan, side) }, side.listenPort, plan.isFull ? { TELEMETRY: '1' } : {})));
  },
};
