/** The volumes of one pod: made before its containers, kept up to date while they run, removed after them. */
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ConfigMap, HostPathVolumeSource, Pod, Secret, Volume } from 'kubernetes-types/core/v1.d.ts';
import type { Clock, Timer } from '../../../base/clock.ts';
import { errorText } from '../../../base/errors.ts';
import type { Log } from '../../../base/log.ts';
import type { KubeClient } from '../../../kube/client.ts';
import { PersistentVolumeClaims, PersistentVolumes } from '../../../kube/resource.ts';
import type { PodAddresses } from '../downward.ts';
import { buildPayload, tokensOf, VolumeError } from './payload.ts';
import type { Payload, TokenRequestSpec } from './payload.ts';
import { samePayload, writePayload } from './payload-writer.ts';
import { requestToken } from './tokens.ts';
import type { HeldToken } from './tokens.ts';

export interface VolumeSources {
  client: KubeClient;
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  capacity: { cpu: number; memoryBytes: number };
  /** Pods' own folders; on the machine's disk. */
  folder: string;
  /** Stands for the node's root: hostPath volumes are below it, so that no pod reaches the machine's files. */
  nodeRoot: string;
  /** Volumes of the local-path provisioner; paths below it are taken as they are. */
  localVolumes: string;
  clock: Clock;
  log: Log;
}

export interface PodVolumes {
  /** @throws VolumeError when one cannot be made yet; may be called again */
  prepare(pod: Pod, addresses: PodAddresses): Promise<void>;
  /** Something that volumes are made from may have changed. */
  refresh(pod: Pod): Promise<void>;
  /** Path in the node's mount namespace. */
  path(volume: string): string;
  close(): void;
}

const RETRY_TOKEN_MS = 5000;

export function createPodVolumes(sources: VolumeSources, uid: string): PodVolumes {
  const { clock, log } = sources;
  const home = join(sources.folder, uid);
  const paths = new Map<string, string>();
  const written = new Map<string, Payload>();
  const tokens = new Map<string, HeldToken>();
  let addresses: PodAddresses = { podIp: '', hostIp: '' };
  let timer: Timer | undefined;
  let latest: Pod = {};
  let version = 0;
  let closed = false;

  const tokenKey = (spec: TokenRequestSpec) => `${spec.audience ?? ''} ${spec.expirationSeconds}`;
  const fetchTokens = async (pod: Pod): Promise<void> => {
    for (const spec of (pod.spec?.volumes ?? []).flatMap(tokensOf)) {
      const held = tokens.get(tokenKey(spec));
      if (held && held.renewAtMs > clock.now()) continue;
      tokens.set(tokenKey(spec), await requestToken(sources.client, pod, spec, clock));
    }
    scheduleRenewal(Math.min(...[...tokens.values()].map((t) => t.renewAtMs)) - clock.now());
  };
  const scheduleRenewal = (delayMs: number): void => {
    timer?.cancel();
    if (closed || !Number.isFinite(delayMs)) return;
    timer = clock.after(Math.max(0, delayMs), () => {
      refresh(latest).catch((error: unknown) => {
        log.warn('cannot renew service account token', { pod: latest.metadata?.name, error: errorText(error) });
        scheduleRenewal(RETRY_TOKEN_MS);
      });
    });
    timer.unref();
  };

  const writeFiles = async (pod: Pod, volume: Volume): Promise<boolean> => {
    const needed = await fetchObjects(sources, pod.metadata?.namespace ?? '', volume);
    const payload = buildPayload(pod, volume, {
      ...needed, addresses, capacity: sources.capacity, token: (spec) => tokens.get(tokenKey(spec))?.token ?? '',
    });
    if (!payload) return false;
    const path = join(home, volume.name);
    paths.set(volume.name, path);
    const before = written.get(volume.name);
    if (before && samePayload(before, payload)) return true;
    writePayload(path, payload, { version: `${clock.now()}.${version++}`, gid: pod.spec?.securityContext?.fsGroup });
    written.set(volume.name, payload);
    return true;
  };
  const refresh = async (pod: Pod): Promise<void> => {
    if (closed) return;
    latest = pod;
    await fetchTokens(pod);
    for (const volume of pod.spec?.volumes ?? []) if (written.has(volume.name)) await writeFiles(pod, volume);
  };

  return {
    async prepare(pod, known) {
      latest = pod;
      addresses = known;
      await fetchTokens(pod);
      for (const volume of pod.spec?.volumes ?? []) {
        if (!(await writeFiles(pod, volume))) paths.set(volume.name, await makeFolder(sources, { pod, volume, home }));
      }
    },
    refresh,
    path: (volume) => paths.get(volume) ?? join(home, volume),
    close() {
      closed = true;
      timer?.cancel();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Reads what a volume refers to, so that building its files is a plain function. */
async function fetchObjects(sources: VolumeSources, namespace: string, volume: Volume) {
  const parts = volume.projected?.sources ?? [{ configMap: volume.configMap, secret: volume.secret && { name: volume.secret.secretName } }];
  const maps = new Map<string, ConfigMap | undefined>();
  const secrets = new Map<string, Secret | undefined>();
  for (const part of parts) {
    if (part.configMap) maps.set(part.configMap.name ?? '', await sources.configMap(namespace, part.configMap.name ?? ''));
    if (part.secret) secrets.set(part.secret.name ?? '', await sources.secret(namespace, part.secret.name ?? ''));
  }
  return { configMap: (name: string) => maps.get(name), secret: (name: string) => secrets.get(name) };
}

interface FolderRequest {
  readonly pod: Pod;
  readonly volume: Volume;
  readonly home: string;
}

async function makeFolder(sources: VolumeSources, request: FolderRequest): Promise<string> {
  const { pod, volume } = request;
  const gid = pod.spec?.securityContext?.fsGroup;
  if (volume.emptyDir) {
    const path = join(request.home, volume.name);
    mkdirSync(path, { recursive: true });
    shareFolder(path, gid);
    return path;
  }
  if (volume.hostPath) return hostPath(sources, volume.name, volume.hostPath);
  if (volume.persistentVolumeClaim) {
    const path = await claimPath(sources, pod, volume);
    shareFolder(path, gid);
    return path;
  }
  const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'none';
  throw new VolumeError(volume.name, `volumes of kind ${kind} are not supported; use emptyDir, configMap, secret, projected, downwardAPI, hostPath or persistentVolumeClaim`);
}

/** World-writable as kubelet's emptyDir; with fsGroup, files made in it belong to that group. */
function shareFolder(path: string, gid: number | undefined): void {
  if (gid !== undefined) chownSync(path, 0, gid);
  chmodSync(path, gid === undefined ? 0o777 : 0o2777);
}

function hostPath(sources: VolumeSources, volume: string, source: HostPathVolumeSource): string {
  const path = source.path.startsWith(`${sources.localVolumes}/`) ? source.path : join(sources.nodeRoot, source.path);
  const type = source.type ?? '';
  if (type === 'DirectoryOrCreate' || type === '') mkdirSync(path, { recursive: true });
  else if (type === 'FileOrCreate' && !existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
  } else if (!existsSync(path)) throw new VolumeError(volume, `hostPath type check failed: ${source.path} is not a ${type.toLowerCase()} of the node (the node's root is ${sources.nodeRoot})`);
  return path;
}

async function claimPath(sources: VolumeSources, pod: Pod, volume: Volume): Promise<string> {
  const name = volume.persistentVolumeClaim?.claimName ?? '';
  const claim = await sources.client.get(PersistentVolumeClaims, { namespace: pod.metadata?.namespace, name });
  const volumeName = claim.spec?.volumeName;
  if (!volumeName || claim.status?.phase !== 'Bound') throw new VolumeError(volume.name, `persistentvolumeclaim "${name}" is not bound`);
  const { spec } = await sources.client.get(PersistentVolumes, { name: volumeName });
  const path = spec?.hostPath?.path ?? spec?.local?.path;
  if (!path) throw new VolumeError(volume.name, `persistent volume "${volumeName}" is neither hostPath nor local`);
  return hostPath(sources, volume.name, { path, type: 'DirectoryOrCreate' });
}
