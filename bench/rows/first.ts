/** From the start of a proxy until it has passed on its first request. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join, resolve } from 'node:path';
import { sidesOf } from '../hop/chain.ts';
import { PORTS, withRig } from '../hop/rig.ts';
import { clusterOf, listenerOf } from '../hop/resources.ts';
import { sidecarCommand, type SidecarCommand } from '../hop/sidecar.ts';
import type { Row } from '../row.ts';
import { markdownTable, median } from '../table.ts';

const ENVOY = process.env['LATEEN_ENVOY'] ?? resolve('.cache/envoy');

export const firstRequest: Row = {
  name: 'first',
  about: 'start of a proxy with its configuration at hand until its first request is answered (aim: ≤ 1.0 × Envoy)',
  async run(options) {
    await withRig({}, async (plan) => {
      const [side] = sidesOf(plan);
      if (!side) throw new Error('unreachable: a plan has a side');
      const resources = { listeners: [listenerOf(plan, side)], clusters: [clusterOf(plan, side)] };
      const envoyFile = join(plan.directory, 'envoy.json');
      writeFileSync(envoyFile, JSON.stringify({ static_resources: resources }));
      const commands: Readonly<Record<string, SidecarCommand>> = {
        Envoy: { file: ENVOY, args: ['-c', envoyFile, '--concurrency', '1', '--base-id', '130', '--log-level', 'error', '--disable-hot-restart'], env: {} },
        Lateen: sidecarCommand(join(plan.directory, 'lateen'), resources),
        // The floor: what Node itself takes, which answers nothing.
        'Node, empty program': { file: process.execPath, args: ['-e', '0'], env: {} },
      };
      const times = new Map<string, number[]>(Object.keys(commands).map((name) => [name, []]));
      // The first start of each reads its files from the disk.
      for (let round = -1; round < options.runs; round++) {
        for (const [name, command] of Object.entries(commands)) {
          const ms = await start(command);
          if (round >= 0) times.get(name)?.push(ms);
        }
      }
      const base = median(times.get('Envoy') ?? []);
      console.log(markdownTable(['proxy', 'median ms', 'min–max', '÷ Envoy'], [...times].map(([name, list]) => [name, median(list).toFixed(0), `${Math.min(...list).toFixed(0)}–${Math.max(...list).toFixed(0)}`, (median(list) / base).toFixed(2)])));
    });
  },
};

async function start({ file, args, env }: SidecarCommand): Promise<number> {
  const begun = performance.now();
  const child = spawn(file, args, { stdio: 'ignore', env: { ...process.env, ...env } });
  const exited = new Promise((done) => void child.once('exit', done));
  try {
    if (args.includes('-e')) {
      await exited;
      return performance.now() - begun;
    }
    while (performance.now() - begun < 20_000) {
      if (await answers()) return performance.now() - begun;
      await new Promise((done) => setTimeout(done, 2));
    }
    throw new Error(`${file} answers no request`);
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
}

function answers(): Promise<boolean> {
  return new Promise((done) => {
    const one = request({ port: PORTS.listen, host: '127.0.0.1', path: '/body', agent: false }, (response) => {
      response.resume();
      response.on('end', () => done(response.statusCode === 200));
    });
    one.on('error', () => done(false));
    one.end();
  });
}
