import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startServer, type ServerProcess } from '../../src/testkit/server-process.ts';
import { sidesOf, type Peer, type Plan, type Side } from './chain.ts';

export const nginx: Peer = {
  name: 'nginx',
  start: (plan) => Promise.all(sidesOf(plan).map((side) => startNginx(join(plan.directory, `nginx-${side.role}`), side.listenPort, server(plan, side)))),
};

/** A static file server: the upstream of every measurement. */
export function startUpstream(directory: string, port: number, bodyBytes: number): Promise<ServerProcess> {
  mkdirSync(join(directory, 'www'), { recursive: true });
  writeFileSync(join(directory, 'www/body'), 'x'.repeat(bodyBytes));
  return startNginx(join(directory, 'upstream'), port, `server { listen 127.0.0.1:${port}; root ${directory}/www; }`);
}

function startNginx(home: string, port: number, body: string): Promise<ServerProcess> {
  mkdirSync(home, { recursive: true });
  const file = join(home, 'nginx.conf');
  writeFileSync(file, `user root; daemon off; worker_processes 1; pid ${home}/pid; error_log ${home}/error.log;
events { worker_connections 8192; }
http { access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; client_body_temp_path ${home}/a; proxy_temp_path ${home}/b; fastcgi_temp_path ${home}/c; uwsgi_temp_path ${home}/d; scgi_temp_path ${home}/e;
${body}
}`);
  return startServer('nginx', ['-c', file, '-p', home], port);
}

function server(plan: Plan, side: Side): string {
  const certificates = plan.certificates;
  const own = certificates?.[side.role];
  const listenTls = side.listenTls && own ? `ssl_certificate ${own.certificate}; ssl_certificate_key ${own.key}; ssl_client_certificate ${certificates.ca}; ssl_verify_client on;` : '';
  const targetTls = side.targetTls && own ? `proxy_ssl_certificate ${own.certificate}; proxy_ssl_certificate_key ${own.key}; proxy_ssl_trusted_certificate ${certificates.ca}; proxy_ssl_verify on; proxy_ssl_name bench.local; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.3;` : '';
  return `upstream target { server 127.0.0.1:${side.targetPort}; keepalive 1024; keepalive_requests 1000000000; }
server { listen 127.0.0.1:${side.listenPort}${side.listenTls ? ' ssl' : ''}; ssl_protocols TLSv1.3; ${listenTls}
location / { proxy_pass ${side.targetTls ? 'https' : 'http'}://target; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $host; ${targetTls} } }`;
}
