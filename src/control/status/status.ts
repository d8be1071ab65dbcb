/** The status of the mesh's objects: what the rest of the control plane has to do with it. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { MeshSnapshot } from '../registry/snapshot.ts';
import type { Sources } from '../registry/sources.ts';
import type { Discovery } from '../serve/discovery.ts';
import type { Generator } from '../generate/generator.ts';
import { StatusBoard } from './board.ts';
import { StatusWriter } from './writer.ts';

export interface StatusDeps {
  readonly client: KubeClient;
  readonly sources: Pick<Sources, 'current'>;
  readonly discovery: Discovery;
  readonly generator: Generator;
  readonly clock: Clock;
  readonly log: Log;
}

export interface MeshStatuses {
  /** To be called after each push. */
  observe(snapshot: MeshSnapshot): void;
  close(): Promise<void>;
}

export function createStatuses(deps: StatusDeps): MeshStatuses {
  const { client, sources, discovery, generator, clock, log } = deps;
  const writer = new StatusWriter({ client, current: (kind, key) => sources.current(kind, key), clock, log });
  const board = new StatusBoard({
    clock,
    log,
    proxies: {
      allSettledAt: () => discovery.connections().reduce((least, { settledAt }) => Math.min(least, settledAt), Infinity),
      census: () => discovery.census(),
      wants: ({ proxy }, origin) => generator.wants(proxy, origin),
    },
    leftOut: () => [...generator.leftOut, ...generator.patchReports(discovery.connections().map(({ proxy }) => proxy))],
    report: (report) => writer.put(report),
  });
  discovery.watch((event, proxy) => board.proxyEvent(event, proxy));
  return {
    observe: (snapshot) => board.observe(snapshot),
    async close() {
      board.close();
      await writer.close();
    },
  };
}
