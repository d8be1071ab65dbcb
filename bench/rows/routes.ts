/** The size of a route table must not be felt by a request: the route that is used is the last of many. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { envoy } from '../hop/envoy.ts';
import { lateen } from '../hop/lateen.ts';
import { PORTS, urlOfBody, withRig } from '../hop/rig.ts';
import { printSamples, together } from '../hop/sample.ts';
import { runWrk } from '../load.ts';
import type { Row } from '../row.ts';

export const routeTables: Row = {
  name: 'routes',
  about: 'one hop, 10, 100 and 1,000 routes in the table, the last one used; all proxies live at once (aim: flat within 10 %)',
  async run(options) {
    await withRig({}, async (plan) => {
      const sizes = [10, 100, 1000].flatMap((routes) => [envoy, lateen].map((peer) => ({ peer, routes, name: `${peer.name}, ${routes} routes` })));
      const rivals = sizes.map(({ peer, routes, name }, i) => {
        const directory = join(plan.directory, String(i));
        mkdirSync(directory);
        const listenPort = PORTS.routes + i;
        return { name, peer, plan: { ...plan, directory, listenPort, routes }, run: (seconds: number) => runWrk(urlOfBody(listenPort), { connections: 32, seconds }) };
      });
      printSamples(await together(rivals, options.runs, options.secondsPerRun), ['Envoy, 10 routes', 'Lateen, 10 routes']);
    });
  },
};
