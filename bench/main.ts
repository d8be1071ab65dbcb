/** `make bench [ROW=name]`: every row beside what people compare us with, measured in one run. Nothing here is a test. */
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import type { Row } from './row.ts';
import { bodies } from './rows/bodies.ts';
import { change } from './rows/change.ts';
import { firstRequest } from './rows/first.ts';
import { fullHop, manyConnections, mtlsHops, plainHop } from './rows/hop.ts';
import { hostileClients } from './rows/hostile.ts';
import { grpcHops, http2Hops } from './rows/http2.ts';
import { idleConnections } from './rows/idle.ts';
import { latency } from './rows/latency.ts';
import { memory } from './rows/memory.ts';
import { policies } from './rows/policies.ts';
import { propagation } from './rows/propagation.ts';
import { routeTables } from './rows/routes.ts';
import { startUp } from './rows/start.ts';
import { threads } from './rows/threads.ts';
import { zero } from './rows/zero.ts';
import { tcpStream, tlsStream } from './rows/stream.ts';

const ROWS: readonly Row[] = [
  startUp, firstRequest, plainHop, manyConnections, mtlsHops, fullHop, threads, http2Hops, grpcHops, tcpStream, tlsStream, latency, memory, bodies, routeTables, policies, hostileClients, idleConnections, propagation, change,
  zero,
];
const wanted = process.argv[2];
const options = { runs: Number(process.env['RUNS'] ?? 5), secondsPerRun: Number(process.env['SECONDS_PER_RUN'] ?? 5) };
const chosen = ROWS.filter((row) => wanted === undefined || row.name === wanted);
if (chosen.length === 0) {
  console.error(`no row "${wanted}"; there are: ${ROWS.map((row) => row.name).join(', ')}`);
  process.exit(2);
}
const system = /PRETTY_NAME="(.*)"/.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
console.log(`machine: ${cpus().length} × ${cpus()[0]?.model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${system}, Linux ${release()}, Node ${process.version}; ${options.runs} runs of ${options.secondsPerRun} s, medians\n`);
for (const row of chosen) {
  console.log(`### ${row.name}: ${row.about}\n`);
  await row.run(options);
  console.log('');
}
