/** The files of configMap, secret, downwardAPI and projected volumes. Pure over what it is given. */
import type { ConfigMap, ConfigMapVolumeSource, DownwardAPIVolumeFile, KeyToPath, Pod, SecretVolumeSource, Secret, Volume, VolumeProjection } from 'kubernetes-types/core/v1.d.ts';
import { MeshError } from '../../../base/errors.ts';
import { podField, resourceField } from '../downward.ts';
import type { PodAddresses } from '../downward.ts';

export interface PayloadFile {
  readonly data: Buffer;
  readonly mode: number;
}

/** Path within the volume → file. */
export type Payload = Map<string, PayloadFile>;

export interface TokenRequestSpec {
  readonly audience: string | undefined;
  readonly expirationSeconds: number;
}

export interface PayloadSources {
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
  /** The token in hand for these; they were made before. */
  token(spec: TokenRequestSpec): string;
  addresses: PodAddresses;
  capacity: { cpu: number; memoryBytes: number };
}

/** A volume cannot be made now; the pod waits with a FailedMount event of this text. */
export class VolumeError extends MeshError<'CLUSTER_VOLUME'> {
  constructor(volume: string, detail: string) {
    super('CLUSTER_VOLUME', `MountVolume.SetUp failed for volume "${volume}" : ${detail}`, { fields: { volume } });
  }
}

const DEFAULT_MODE = 0o644;
const DEFAULT_TOKEN_SECONDS = 3600;

/** Undefined when the volume is of another kind. @throws VolumeError when something it needs is missing and not optional */
export function buildPayload(pod: Pod, volume: Volume, sources: PayloadSources): Payload | undefined {
  const payload: Payload = new Map();
  const scope: Scope = { pod, volume: volume.name, sources, payload, mode: DEFAULT_MODE };
  if (volume.configMap) addConfigMap(volume.configMap, { ...scope, mode: volume.configMap.defaultMode ?? DEFAULT_MODE });
  else if (volume.secret) addSecret({ ...volume.secret, name: volume.secret.secretName }, { ...scope, mode: volume.secret.defaultMode ?? DEFAULT_MODE });
  else if (volume.downwardAPI) addDownward(volume.downwardAPI.items ?? [], { ...scope, mode: volume.downwardAPI.defaultMode ?? DEFAULT_MODE });
  else if (volume.projected) {
    for (const source of volume.projected.sources ?? []) addProjection(source, { ...scope, mode: volume.projected.defaultMode ?? DEFAULT_MODE });
  } else return undefined;
  return payload;
}

/** The tokens that a volume asks for. */
export function tokensOf(volume: Volume): TokenRequestSpec[] {
  return (volume.projected?.sources ?? []).flatMap((source) => (source.serviceAccountToken ? [tokenSpec(source)] : []));
}

const tokenSpec = (source: VolumeProjection): TokenRequestSpec => ({
  audience: source.serviceAccountToken?.audience, expirationSeconds: source.serviceAccountToken?.expirationSeconds ?? DEFAULT_TOKEN_SECONDS,
});

interface Scope {
  readonly pod: Pod;
  readonly volume: string;
  readonly sources: PayloadSources;
  readonly payload: Payload;
  readonly mode: number;
}

function addProjection(source: VolumeProjection, scope: Scope): void {
  if (source.configMap) addConfigMap(source.configMap, scope);
  else if (source.secret) addSecret(source.secret, scope);
  else if (source.downwardAPI) addDownward(source.downwardAPI.items ?? [], scope);
  else if (source.serviceAccountToken) scope.payload.set(source.serviceAccountToken.path, { data: Buffer.from(scope.sources.token(tokenSpec(source))), mode: scope.mode });
  else throw new VolumeError(scope.volume, `projected source ${Object.keys(source).join(', ')} is not supported`);
}

function addConfigMap(source: Omit<ConfigMapVolumeSource, 'defaultMode'>, scope: Scope): void {
  const map = scope.sources.configMap(source.name ?? '');
  if (!map && !source.optional) throw new VolumeError(scope.volume, `configmap "${source.name}" not found`);
  const binary = Object.entries(map?.binaryData ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const);
  const text = Object.entries(map?.data ?? {}).map(([key, value]) => [key, Buffer.from(value)] as const);
  addKeys(new Map([...text, ...binary]), source, scope);
}

function addSecret(source: Omit<SecretVolumeSource, 'defaultMode' | 'secretName'> & { name?: string }, scope: Scope): void {
  const secret = scope.sources.secret(source.name ?? '');
  if (!secret && !source.optional) throw new VolumeError(scope.volume, `secret "${source.name}" not found`);
  addKeys(new Map(Object.entries(secret?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')])), source, scope);
}

function addKeys(data: ReadonlyMap<string, Buffer>, source: { items?: KeyToPath[]; optional?: boolean }, scope: Scope): void {
  if (!source.items) {
    for (const [key, value] of data) scope.payload.set(key, { data: value, mode: scope.mode });
    return;
  }
  for (const item of source.items) {
    const value = data.get(item.key);
    if (value) scope.payload.set(item.path, { data: value, mode: item.mode ?? scope.mode });
    else if (!source.optional) throw new VolumeError(scope.volume, `references non-existent key: ${item.key}`);
  }
}

function addDownward(items: readonly DownwardAPIVolumeFile[], scope: Scope): void {
  for (const item of items) scope.payload.set(item.path, { data: Buffer.from(downwardText(item, scope)), mode: item.mode ?? scope.mode });
}

function downwardText(item: DownwardAPIVolumeFile, { pod, sources }: Scope): string {
  if (item.fieldRef) return podField(pod, item.fieldRef.fieldPath, sources.addresses) ?? '';
  const named = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].find((c) => c.name === item.resourceFieldRef?.containerName);
  return named && item.resourceFieldRef ? resourceField(named, item.resourceFieldRef, sources.capacity) : '';
}
