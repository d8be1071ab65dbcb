/** The processes of a cluster and of its pods, as the host sees them: what a test kills, and what must be gone in the end. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import type { TestCluster } from '../harness.ts';

/** As `status -o json` prints it. */
export interface Status {
  name: string;
  server: string;
  /** Of the supervisor. */
  pid: number;
  running: boolean;
  published: { namespace: string; name: string; port: number; hostPort: number }[];
}

export async function statusOf(cluster: TestCluster): Promise<Status> {
  return JSON.parse(await cluster.lateen('status', '--name', cluster.name, '-o', 'json')) as Status;
}

interface HostProcess {
  pid: number;
  parent: number;
  /** Clock ticks since boot: with the id it names a process for good. */
  started: string;
  isZombie: boolean;
}

function readProcess(pid: number): HostProcess | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid, parent: Number(fields[1]), started: fields[19] ?? '', isZombie: fields[0] === 'Z' };
  } catch {
    // It ended meanwhile.
    return undefined;
  }
}

function processTable(): HostProcess[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => readProcess(Number(name)) ?? []);
}

/** The process and everything that descends from it. */
export function processTree(root: number): HostProcess[] {
  const table = processTable();
  const found = table.filter((entry) => entry.pid === root);
  for (const parent of found) found.push(...table.filter((entry) => entry.parent === parent.pid));
  return found;
}

/** What of a running cluster must be gone when it has ended. */
export interface Traces {
  processes: readonly HostProcess[];
  networkNamespaces: readonly string[];
  ports: readonly number[];
}

export async function tracesOf(cluster: TestCluster): Promise<Traces> {
  const status = await statusOf(cluster);
  const processes = processTree(status.pid);
  const own = readlinkSync('/proc/self/ns/net');
  const namespaces = new Set(processes.flatMap(({ pid }) => networkNamespace(pid) ?? []).filter((name) => name !== own));
  assert.ok(processes.length > 3, `the tree of the supervisor is there: ${processes.length} processes`);
  assert.ok(namespaces.size > 0, 'the cluster has network namespaces of its own');
  return { processes, networkNamespaces: [...namespaces], ports: [Number(new URL(status.server).port), ...status.published.map((port) => port.hostPort)] };
}

/** Names what is still there, which should be nothing. A process that has ended but was not reaped is gone. */
export function leftOver(traces: Traces): string[] {
  const alive = traces.processes.filter((old) => {
    const now = readProcess(old.pid);
    return now !== undefined && now.started === old.started && !now.isZombie;
  });
  const inUse = new Set(processTable().flatMap(({ pid }) => networkNamespace(pid) ?? []));
  const listening = listeningPorts();
  return [
    ...alive.map(({ pid }) => `process ${pid}`),
    ...traces.networkNamespaces.filter((name) => inUse.has(name)).map((name) => `namespace ${name}`),
    ...traces.ports.filter((port) => listening.has(port)).map((port) => `port ${port}`),
  ];
}

function networkNamespace(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    // It ended meanwhile, or is a zombie.
    return undefined;
  }
}

const LISTEN = '0A';

/** Ports on which somebody listens in the host's own namespace. */
function listeningPorts(): Set<number> {
  const lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => readFileSync(file, 'latin1').split('\n').slice(1));
  return new Set(lines.map((line) => line.trim().split(/\s+/)).filter((fields) => fields[3] === LISTEN).map((fields) => Number.parseInt(fields[1]?.split(':')[1] ?? '', 16)));
}

/** The first process of a container: the one whose command line has `marker` in a process of that pod. */
export function podProcess(supervisor: number, pod: string, marker: RegExp): number {
  const found = processTree(supervisor).find(({ pid }) => readText(`/proc/${pid}/environ`).split('\0').includes(`HOSTNAME=${pod}`) && marker.test(readText(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')));
  assert.ok(found, `pod ${pod} has a process ${marker.source}`);
  return found.pid;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It ended meanwhile.
    return '';
  }
}

/** Restarts of one container of a pod, init containers included, as `kubectl get pod` counts them. */
export async function restartsOf(cluster: TestCluster, pod: string, container: string, namespace = 'default'): Promise<number> {
  const { status } = await cluster.getJson<{ status: { containerStatuses?: Counted[]; initContainerStatuses?: Counted[] } }>('pod', pod, '-n', namespace);
  const found = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])].find((entry) => entry.name === container);
  assert.ok(found, `pod ${pod} has a status of container ${container}`);
  return found.restartCount;
}

interface Counted {
  name: string;
  restartCount: number;
}
