/** The size of a route table must not be felt by a request: the route that is used is the last of many. */
import { envoy } from '../hop/envoy.ts';
import { lateen } from '../hop/lateen.ts';
import { URL_OF_BODY, withRig } from '../hop/rig.ts';
import { inTurns, printSamples, sampleOf } from '../hop/sample.ts';
import { runWrk } from '../load.ts';
import type { Row } from '../row.ts';

export const routeTables: Row = {
  name: 'routes',
  about: 'one hop, 10, 100 and 1,000 routes in the table, the last one used (aim: flat within 10 %)',
  async run(options) {
    await withRig({}, async (plan) => {
      const candidates = [10, 100, 1000].flatMap((routes) => [envoy, lateen].map((peer) => ({ peer, routes, name: `${peer.name}, ${routes} routes` })));
      const samples = await inTurns(candidates, options.runs, ({ peer, routes }) => sampleOf(peer, { ...plan, routes }, (seconds) => runWrk(URL_OF_BODY, { connections: 32, seconds }), options.secondsPerRun));
      printSamples(new Map([...samples].map(([candidate, list]) => [candidate.name, list])), ['Envoy, 10 routes', 'Lateen, 10 routes']);
    });
  },
};
