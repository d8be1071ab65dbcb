import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startServer } from '../../src/testkit/server-process.ts';
import { sidesOf, type Peer, type Plan, type Side } from './chain.ts';

export const haproxy: Peer = {
  name: 'HAProxy',
  start: (plan) => Promise.all(sidesOf(plan).map((side) => {
    const home = join(plan.directory, `haproxy-${side.role}`);
    mkdirSync(home, { recursive: true });
    const file = join(home, 'haproxy.cfg');
    writeFileSync(file, configuration(plan, side));
    return startServer('haproxy', ['-db', '-f', file], side.listenPort);
  })),
};

function configuration(plan: Plan, side: Side): string {
  const own = plan.certificates?.[side.role];
  const listenTls = side.listenTls && own ? ` ssl crt ${own.pem} ca-file ${plan.certificates?.ca} verify required ssl-min-ver TLSv1.3` : '';
  const targetTls = side.targetTls && own ? ` ssl crt ${own.pem} ca-file ${plan.certificates?.ca} verify required sni str(bench.local) verifyhost bench.local ssl-min-ver TLSv1.3` : '';
  return `global
  nbthread 1
  maxconn 8192
defaults
  mode ${plan.protocol === 'tcp' ? 'tcp' : 'http'}
  timeout connect 5s
  timeout client 1h
  timeout server 1h
${plan.protocol === 'tcp' ? '' : '  http-reuse always\n'}frontend in
  bind 127.0.0.1:${side.listenPort}${listenTls}
  default_backend out
backend out
  server target 127.0.0.1:${side.targetPort}${targetTls} pool-max-conn 2048
`;
}
