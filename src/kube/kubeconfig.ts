/** Kubeconfig files: which cluster to talk to, and adding or removing one's own context as kind and minikube do. */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { KubeConfigError } from './errors.ts';
import type { HttpClientConfig } from './http-client.ts';

interface Named {
  name: string;
}
interface ClusterEntry extends Named {
  cluster: { server?: string; 'certificate-authority'?: string; 'certificate-authority-data'?: string; 'insecure-skip-tls-verify'?: boolean; 'tls-server-name'?: string };
}
interface UserEntry extends Named {
  user: { token?: string; tokenFile?: string; 'client-certificate'?: string; 'client-certificate-data'?: string; 'client-key'?: string; 'client-key-data'?: string };
}
interface ContextEntry extends Named {
  context: { cluster?: string; user?: string; namespace?: string };
}

export interface Kubeconfig {
  apiVersion?: string;
  kind?: string;
  clusters?: ClusterEntry[];
  users?: UserEntry[];
  contexts?: ContextEntry[];
  'current-context'?: string;
  preferences?: object;
}

export interface LoadedKubeconfig extends HttpClientConfig {
  context: string;
  /** The namespace of the context; default `default`. */
  namespace: string;
}

/** The files kubectl would read: `KUBECONFIG` (several, separated as PATH is), else `~/.kube/config`. */
export function kubeconfigPaths(explicit?: string, env: NodeJS.ProcessEnv = process.env): string[] {
  if (explicit) return [explicit];
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  return listed.length > 0 ? listed : [join(homedir(), '.kube', 'config')];
}

/** Reads the kubeconfig in force and resolves its context to a client configuration.
 * @throws KubeConfigError when there is no file, no such context, or a file it points to cannot be read */
export function loadKubeconfig(options: { path?: string; context?: string; env?: NodeJS.ProcessEnv } = {}): LoadedKubeconfig {
  const merged = mergeFiles(kubeconfigPaths(options.path, options.env));
  const name = options.context ?? merged['current-context'] ?? '';
  if (name === '') throw new KubeConfigError('the kubeconfig selects no context; run `kubectl config use-context NAME`, or `lateen up` to start a cluster');
  const context = find(merged.contexts, name, 'context').context;
  const cluster = find(merged.clusters, context.cluster ?? '', 'cluster').cluster;
  const user = context.user ? find(merged.users, context.user, 'user').user : {};
  if (!cluster.server) throw new KubeConfigError(`cluster "${context.cluster}" of the kubeconfig has no server`);
  return {
    context: name,
    namespace: context.namespace ?? 'default',
    server: cluster.server,
    caPem: pem(cluster['certificate-authority-data'], cluster['certificate-authority']),
    insecure: cluster['insecure-skip-tls-verify'] ?? false,
    serverName: cluster['tls-server-name'],
    token: user.token,
    tokenFile: user.tokenFile,
    clientCertPem: pem(user['client-certificate-data'], user['client-certificate']),
    clientKeyPem: pem(user['client-key-data'], user['client-key']),
  };
}

/** What a pod reads from its service account's mount. @throws KubeConfigError outside a pod */
export function inClusterConfig(env: NodeJS.ProcessEnv = process.env, mount = '/var/run/secrets/kubernetes.io/serviceaccount'): LoadedKubeconfig {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '443';
  if (!host) throw new KubeConfigError('not in a pod: KUBERNETES_SERVICE_HOST is not set');
  const namespaceFile = join(mount, 'namespace');
  return {
    context: 'in-cluster',
    namespace: existsSync(namespaceFile) ? readText(namespaceFile).trim() : 'default',
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    caPem: readText(join(mount, 'ca.crt')),
    tokenFile: join(mount, 'token'),
  };
}

export interface ContextToWrite {
  /** Name of the cluster, the user and the context alike. */
  name: string;
  server: string;
  caPem: string;
  clientCertPem: string;
  clientKeyPem: string;
  namespace?: string;
}

/** Adds or replaces a context and selects it, leaving everything else in the file as it is. */
export function addContext(path: string, entry: ContextToWrite): void {
  const config = existsSync(path) ? readConfig(path) : {};
  const { name } = entry;
  writeConfig(path, {
    apiVersion: 'v1', kind: 'Config', preferences: {},
    ...config,
    clusters: put(config.clusters, { name, cluster: { 'certificate-authority-data': base64(entry.caPem), server: entry.server } }),
    users: put(config.users, { name, user: { 'client-certificate-data': base64(entry.clientCertPem), 'client-key-data': base64(entry.clientKeyPem) } }),
    contexts: put(config.contexts, { name, context: { cluster: name, user: name, ...(entry.namespace ? { namespace: entry.namespace } : {}) } }),
    'current-context': name,
  });
}

/** Removes what `addContext` wrote; a selection of it is cleared. Returns whether anything was there. */
export function removeContext(path: string, name: string): boolean {
  if (!existsSync(path)) return false;
  const config = readConfig(path);
  const without = <T extends Named>(list: T[] | undefined) => (list ?? []).filter((entry) => entry.name !== name);
  const was = [config.clusters, config.users, config.contexts].some((list) => list?.some((entry) => entry.name === name));
  if (!was) return false;
  writeConfig(path, {
    ...config,
    clusters: without(config.clusters), users: without(config.users), contexts: without(config.contexts),
    'current-context': config['current-context'] === name ? '' : (config['current-context'] ?? ''),
  });
  return true;
}

function mergeFiles(paths: readonly string[]): Kubeconfig {
  const present = paths.filter((path) => existsSync(path));
  if (present.length === 0) throw new KubeConfigError(`no kubeconfig at ${paths.join(', ')}; start a cluster with \`lateen up\`, or set KUBECONFIG`);
  const merged: Kubeconfig = { clusters: [], users: [], contexts: [] };
  for (const path of present) {
    const config = absolute(readConfig(path), dirname(path));
    // The first file to name something wins, as in kubectl.
    merged.clusters?.push(...(config.clusters ?? []));
    merged.users?.push(...(config.users ?? []));
    merged.contexts?.push(...(config.contexts ?? []));
    merged['current-context'] ||= config['current-context'];
  }
  return merged;
}

function absolute(config: Kubeconfig, folder: string): Kubeconfig {
  const at = (path: string | undefined) => (path ? resolve(folder, path) : undefined);
  for (const { cluster } of config.clusters ?? []) cluster['certificate-authority'] = at(cluster['certificate-authority']);
  for (const { user } of config.users ?? []) {
    user['client-certificate'] = at(user['client-certificate']);
    user['client-key'] = at(user['client-key']);
    user.tokenFile = at(user.tokenFile);
  }
  return config;
}

function readConfig(path: string): Kubeconfig {
  try {
    return (parse(readFileSync(path, 'utf8')) as Kubeconfig | null) ?? {};
  } catch (cause) {
    throw new KubeConfigError(`cannot read the kubeconfig ${path}`, { cause });
  }
}

/** Written beside and renamed, so that a reader never sees half a file; private, because it holds keys. */
function writeConfig(path: string, config: Kubeconfig): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, stringify(config), { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
}

function put<T extends Named>(list: T[] | undefined, entry: T): T[] {
  return [...(list ?? []).filter((other) => other.name !== entry.name), entry];
}

function find<T extends Named>(list: T[] | undefined, name: string, what: string): T {
  const entry = (list ?? []).find((candidate) => candidate.name === name);
  if (!entry) throw new KubeConfigError(`the kubeconfig has no ${what} "${name}"`);
  return entry;
}

function pem(data: string | undefined, file: string | undefined): string | undefined {
  if (data) return Buffer.from(data, 'base64').toString('utf8');
  return file ? readText(file) : undefined;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new KubeConfigError(`cannot read ${path}`, { cause });
  }
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
