/** CPU per request of one plain hop, of two hops with mutual TLS between them, and of a hop that observes as a sidecar does. */
import type { Peer, Plan } from '../hop/chain.ts';
import { envoy } from '../hop/envoy.ts';
import { haproxy } from '../hop/haproxy.ts';
import { lateen } from '../hop/lateen.ts';
import { nginx } from '../hop/nginx.ts';
import { BODY_BYTES, URL_OF_BODY, withRig } from '../hop/rig.ts';
import { inTurns, printSamples, sampleOf } from '../hop/sample.ts';
import { runWrk } from '../load.ts';
import type { Row, RowOptions } from '../row.ts';

const ALL: readonly Peer[] = [nginx, haproxy, envoy, lateen];

export const plainHop: Row = {
  name: 'hop',
  about: `one hop, HTTP/1.1 keep-alive, ${BODY_BYTES} B, 32 connections (aim: ≤ 0.7 × Envoy, ≤ 2 × nginx)`,
  run: (options) => compare(options, { connections: 32, mtls: false, peers: ALL }),
};

export const manyConnections: Row = {
  name: 'hop-1000',
  about: `one hop, HTTP/1.1 keep-alive, ${BODY_BYTES} B, 1,000 connections (aim: ≤ 0.7 × Envoy, ≤ 2 × nginx)`,
  run: (options) => compare(options, { connections: 1000, mtls: false, peers: ALL }),
};

export const mtlsHops: Row = {
  name: 'mtls',
  about: `two hops together with mutual TLS between them, ${BODY_BYTES} B, 32 connections (aim: ≤ 0.7 × Envoy, ≤ 1.5 × nginx)`,
  run: (options) => compare(options, { connections: 32, mtls: true, peers: ALL }),
};

export const fullHop: Row = {
  name: 'full',
  about: `one hop with metrics, access log, an authorization policy and tracing of 1 % (aim: ≤ 0.7 × Envoy)`,
  run: (options) => compare(options, { connections: 32, mtls: false, peers: [envoy, lateen], plan: { isFull: true } }),
};

interface Setting {
  readonly connections: number;
  readonly mtls: boolean;
  readonly peers: readonly Peer[];
  readonly plan?: Partial<Plan>;
}

async function compare(options: RowOptions, setting: Setting): Promise<void> {
  await withRig({ mtls: setting.mtls }, async (plan) => {
    const run = (seconds: number) => runWrk(URL_OF_BODY, { connections: setting.connections, seconds });
    const samples = await inTurns(setting.peers, options.runs, (peer) => sampleOf(peer, { ...plan, ...setting.plan }, { run, seconds: options.secondsPerRun }));
    printSamples(new Map([...samples].map(([peer, list]) => [peer.name, list])), setting.peers.includes(nginx) ? ['nginx', 'Envoy'] : ['Envoy']);
  });
}
