/** What threads cost: the shipped sidecar and Envoy with one, two and four of them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startServer } from '../../src/testkit/server-process.ts';
import type { StaticResources } from '../../src/testkit/static-proxy/start.ts';
import { sidesOf, type Peer, type Plan } from '../hop/chain.ts';
import { clusterOf, listenerOf } from '../hop/resources.ts';
import { BODY_BYTES, URL_OF_BODY, withRig } from '../hop/rig.ts';
import { inTurns, printSamples, sampleOf } from '../hop/sample.ts';
import { sidecarCommand } from '../hop/sidecar.ts';
import { runWrk } from '../load.ts';
import type { Row } from '../row.ts';

const CONNECTIONS = 64;
const COUNTS = [1, 2, 4];
const ENVOY = process.env['LATEEN_ENVOY'] ?? resolve('.cache/envoy');

export const threads: Row = {
  name: 'threads',
  about: `one hop, HTTP/1.1 keep-alive, ${BODY_BYTES} B, ${CONNECTIONS} connections, by threads (concurrency) of the proxy; load and upstream run on the same cores`,
  async run(options) {
    const peers = COUNTS.flatMap((count) => [lateen(count), envoy(count)]);
    await withRig({}, async (plan) => {
      const run = (seconds: number) => runWrk(URL_OF_BODY, { connections: CONNECTIONS, seconds });
      const samples = await inTurns(peers, options.runs, (peer) => sampleOf(peer, plan, { run, seconds: options.secondsPerRun }));
      printSamples(new Map([...samples].map(([peer, list]) => [peer.name, list])), ['Lateen, 1', 'Envoy, 1']);
    });
  },
};

function resourcesOf(plan: Plan): StaticResources {
  return { listeners: sidesOf(plan).map((side) => listenerOf(plan, side)), clusters: sidesOf(plan).map((side) => clusterOf(plan, side)) };
}

const lateen = (count: number): Peer => ({
  name: `Lateen, ${count}`,
  async start(plan) {
    const { file, args, env } = sidecarCommand(join(plan.directory, `lateen-${count}`), resourcesOf(plan), { concurrency: count });
    return [await startServer(file, args, plan.listenPort, env)];
  },
});

const envoy = (count: number): Peer => ({
  name: `Envoy, ${count}`,
  async start(plan) {
    const home = join(plan.directory, `envoy-${count}`);
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'envoy.json'), JSON.stringify({ static_resources: resourcesOf(plan) }));
    return [await startServer(ENVOY, ['-c', join(home, 'envoy.json'), '--concurrency', String(count), '--base-id', '140', '--log-level', 'error', '--disable-hot-restart'], plan.listenPort)];
  },
});
