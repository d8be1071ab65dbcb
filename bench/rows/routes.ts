/** The size of a route table must not be felt by a request: the route that is used is the last of many. */
import type { Table } from '../hop/chain.ts';
import { envoy } from '../hop/envoy.ts';
import { lateen } from '../hop/lateen.ts';
import { inPairs, PAIRED_HEADER, type Variant } from '../hop/pairs.ts';
import { PORTS, urlOfBody, withRig } from '../hop/rig.ts';
import type { Run } from '../hop/sample.ts';
import { runWrk } from '../load.ts';
import type { Row } from '../row.ts';
import { markdownTable } from '../table.ts';

const BASE: Table = { listenPort: PORTS.listen, routes: 10 };
/** The first differs from the base in nothing: what it is found to cost more is what the measure does not know. */
const OTHERS: readonly Table[] = [10, 100, 1000].map((routes, i) => ({ listenPort: PORTS.routes + i, routes }));
const PAIRS_FOR_A_RUN = 2;

export const routeTables: Row = {
  name: 'routes',
  about: 'one hop, tables of 10, 100 and 1,000 routes in one proxy, the last route used: ratios to another table of 10 routes (aim: flat within 10 %)',
  async run(options) {
    const rows: string[][] = [];
    await withRig({}, async (plan) => {
      for (const peer of [envoy, lateen]) {
        const servers = await peer.start({ ...plan, tables: [BASE, ...OTHERS] });
        try {
          const variants = OTHERS.map((table): Variant => ({ name: `${peer.name}, ${table.routes} routes`, run: loadOn(table) }));
          rows.push(...(await inPairs(servers, loadOn(BASE), variants, { pairs: options.runs * PAIRS_FOR_A_RUN, secondsPerRun: options.secondsPerRun })));
        } finally {
          await Promise.all(servers.map((server) => server.stop()));
        }
      }
    });
    console.log(markdownTable(['table', ...PAIRED_HEADER], rows));
  },
};

const loadOn = ({ listenPort }: Table): Run => (seconds) => runWrk(urlOfBody(listenPort), { connections: 32, seconds });
