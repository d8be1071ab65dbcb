/** Latency that a hop adds when it is not busy: a constant rate instead of all that it can. */
import type { Peer } from '../hop/chain.ts';
import { envoy } from '../hop/envoy.ts';
import { lateen } from '../hop/lateen.ts';
import { nginx } from '../hop/nginx.ts';
import { BODY_BYTES, PORTS, URL_OF_BODY, withRig } from '../hop/rig.ts';
import { inTurns, sampleOf, type Sample } from '../hop/sample.ts';
import { runH2load } from '../load.ts';
import type { Row } from '../row.ts';
import { markdownTable, median } from '../table.ts';

const CONNECTIONS = 16;
const PER_SECOND = 1000;

/** No proxy at all: what the others are compared with. */
const nobody: Peer = { name: 'no proxy', start: () => Promise.resolve([]) };

export const latency: Row = {
  name: 'latency',
  about: `${PER_SECOND} requests/s of ${BODY_BYTES} B over ${CONNECTIONS} connections, one hop; added to what it takes without (aim: p50 and p99 ≤ 1.0 × Envoy)`,
  async run(options) {
    await withRig({}, async (plan) => {
      const samples = await inTurns([nobody, nginx, envoy, lateen], options.runs, (peer) => {
        const url = peer === nobody ? URL_OF_BODY.replace(String(PORTS.listen), String(PORTS.upstream)) : URL_OF_BODY;
        const run = (seconds: number, perSecond?: number) => runH2load(url, { http1: true, connections: CONNECTIONS, seconds, ...(perSecond === undefined ? {} : { perSecond }) });
        return sampleOf(peer, plan, { run: (seconds) => run(seconds, PER_SECOND), warm: (seconds) => run(seconds), seconds: options.secondsPerRun });
      });
      const middle = (list: readonly Sample[] | undefined, figure: 'p50Ms' | 'p99Ms') => median((list ?? []).map((sample) => sample.load[figure]));
      const base = samples.get(nobody);
      const rows = [...samples].map(([peer, list]) => {
        const [p50, p99] = [middle(list, 'p50Ms'), middle(list, 'p99Ms')];
        const added = peer === nobody ? ['', ''] : [(p50 - middle(base, 'p50Ms')).toFixed(2), (p99 - middle(base, 'p99Ms')).toFixed(2)];
        return [peer.name, p50.toFixed(2), p99.toFixed(2), ...added, median(list.map((sample) => sample.load.perSecond)).toFixed(0)];
      });
      console.log(markdownTable(['proxy', 'p50 ms', 'p99 ms', 'added p50 ms', 'added p99 ms', 'requests/s'], rows));
    });
  },
};
