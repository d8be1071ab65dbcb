/** The control plane as it ships, in a process of its own, against the embedded API server in this one. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { renderCrds } from '../../src/api/crds.ts';
import type { ApiServer } from '../../src/cluster/apiserver/options.ts';
import { createApiServer } from '../../src/cluster/apiserver/server.ts';
import { CustomResourceDefinitions, Namespaces } from '../../src/kube/resource.ts';
import { cpuSeconds } from '../process-figures.ts';

const BUNDLE = join(import.meta.dirname, '../../dist/control.js');
const TOKEN = 'admin';

export interface Plane {
  readonly api: ApiServer;
  /** Starts the control plane. */
  start(): Promise<ControlProcess>;
  close(): Promise<void>;
}

export interface ControlProcess {
  readonly pid: number;
  /** xDS in plaintext. */
  readonly port: number;
  cpuSeconds(): number;
  /** Resident now and at most so far. */
  memory(): { nowMb: number; peakMb: number };
  /** What it logged as a warning or an error. */
  readonly warnings: readonly string[];
  /** Bytes of responses, as the control plane counts them. */
  sentBytes(): Promise<number>;
  stop(): Promise<void>;
}

export async function startApiServer(): Promise<Plane> {
  const dir = mkdtempSync(join(tmpdir(), 'lateen-bench-'));
  const api = createApiServer({ allowAll: true, tokens: new Map([[TOKEN, { username: 'admin', groups: ['system:masters'] }]]) });
  for (const name of ['default', 'istio-system']) await api.client.create(Namespaces, { metadata: { name } });
  for (const crd of renderCrds()) await api.client.create(CustomResourceDefinitions, crd);
  const server = createServer((request, response) => api.handle(request, response));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  // A TCP server's address is never a path.
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(dir, 'kubeconfig');
  writeFileSync(kubeconfig, JSON.stringify({
    clusters: [{ name: 'bench', cluster: { server: `http://127.0.0.1:${port}` } }], users: [{ name: 'bench', user: { token: TOKEN } }],
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }], 'current-context': 'bench',
  }));
  return {
    api,
    start: () => startControl(kubeconfig),
    async close() {
      server.closeAllConnections();
      server.close();
      await api.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const PORTS = ['grpcAddr', 'secureGRPCAddr', 'httpsAddr', 'monitoringAddr', 'httpAddr'].map((name) => `--${name}=:0`);

async function startControl(kubeconfig: string): Promise<ControlProcess> {
  const extra = (process.env['CONTROL_NODE_ARGS'] ?? '').split(' ').filter((arg) => arg !== '');
  const child = spawn(process.execPath, ['--no-warnings', ...extra, BUNDLE, 'discovery', '--host=127.0.0.1', ...PORTS, '--log_output_level=default:info,ads:warn', '--kubeconfig', kubeconfig], { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  const warnings: string[] = [];
  const ports = await readPorts(child, warnings);
  // A process that printed its ports has a pid.
  const pid = child.pid ?? 0;
  return {
    pid,
    port: ports.plaintext,
    warnings,
    cpuSeconds: () => cpuSeconds(pid),
    memory() {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const megabytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024;
      return { nowMb: megabytes('VmRSS'), peakMb: megabytes('VmHWM') };
    },
    async sentBytes() {
      const text = await (await fetch(`http://127.0.0.1:${ports.monitoring}/metrics`)).text();
      return [...text.matchAll(/^pilot_xds_sent_bytes\{.*\} (\d+)/gm)].reduce((sum, [, value]) => sum + Number(value), 0);
    },
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** From the line that says that it is ready. */
function readPorts(child: ChildProcess, warnings: string[]): Promise<{ plaintext: number; monitoring: number }> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.once('exit', (code) => reject(new Error(`the control plane ended with code ${code}:\n${output}`)));
    child.stderr?.on('data', (part: Buffer) => {
      output = (output + part.toString()).slice(-65_536);
      const lines = output.split('\n');
      output = lines.pop() ?? '';
      for (const line of lines) {
        const [, ports] = /control plane is ready (\{.*\})$/.exec(line) ?? [];
        // Our own line.
        if (ports) resolve((JSON.parse(ports) as { ports: { plaintext: number; monitoring: number } }).ports);
        if (/ (warn|error) /.test(line)) warnings.push(line);
      }
    });
  });
}
