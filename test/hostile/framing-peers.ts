/** Servers that read the same bytes, each with an upstream of its own that writes down what reached it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { hcm, inlineRoutes, listener, routeTo, startProxy, staticCluster } from '../../src/proxy/testkit/proxy.ts';
import { startServer } from '../../src/testkit/server-process.ts';
import { startRecorder, type Recorder } from './recorder.ts';

export interface FramingPeer {
  readonly name: string;
  readonly port: number;
  readonly recorder: Recorder;
}

async function withRecorder(t: TestContext): Promise<Recorder> {
  const recorder = await startRecorder();
  t.after(() => recorder.close());
  return recorder;
}

export async function startOurs(t: TestContext): Promise<FramingPeer> {
  const recorder = await withRecorder(t);
  const proxy = startProxy(t, { clusters: [staticCluster('up', [recorder.port])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  return { name: 'Lateen', port: await proxy.port(), recorder };
}

/** Node's own parser: the recorder is the server. */
export async function startNode(t: TestContext): Promise<FramingPeer> {
  const recorder = await withRecorder(t);
  return { name: 'Node', port: recorder.port, recorder };
}

export async function startNginx(t: TestContext, home: string, port: number): Promise<FramingPeer> {
  const recorder = await withRecorder(t);
  const folder = join(home, 'nginx');
  mkdirSync(folder, { recursive: true });
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ');
  writeFileSync(join(folder, 'nginx.conf'), `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log; user root;
events { worker_connections 256; }
http { access_log off; ${paths} large_client_header_buffers 4 64k;
  upstream up { server 127.0.0.1:${recorder.port}; keepalive 8; }
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; } } }\n`);
  const server = await startServer('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], port);
  t.after(() => server.stop());
  return { name: 'nginx', port, recorder };
}

export async function startHaproxy(t: TestContext, home: string, port: number): Promise<FramingPeer> {
  const recorder = await withRecorder(t);
  const file = join(home, 'haproxy.cfg');
  writeFileSync(file, `global\n  maxconn 256\ndefaults\n  mode http\n  timeout connect 2s\n  timeout client 5s\n  timeout server 5s\n  option http-keep-alive\nfrontend f\n  bind 127.0.0.1:${port}\n  default_backend b\nbackend b\n  server s 127.0.0.1:${recorder.port}\n`);
  const server = await startServer('haproxy', ['-f', file], port);
  t.after(() => server.stop());
  return { name: 'HAProxy', port, recorder };
}
