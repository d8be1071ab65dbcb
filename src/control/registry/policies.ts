import type { AuthorizationPolicy } from '../../api/authorization-policy.ts';
import type { MutualTlsMode, PeerAuthentication } from '../../api/peer-authentication.ts';
import type { RequestAuthentication } from '../../api/request-authentication.ts';
import type { Telemetry } from '../../api/telemetry.ts';
import type { Stored } from '../../kube/object.ts';
import type { Endpoint } from './model.ts';
import { originsOf, type Origin } from './origin.ts';
import { hasSelector, type PolicyIndex, type Selecting } from './policy-index.ts';

export interface Subject {
  namespace: string;
  labels: Readonly<Record<string, string>>;
}

/** Policies in force for a workload: of the root namespace, then of its own. Those attached to another object by targetRef
 * are not the workload's. */
export function policiesFor<T extends Selecting>(index: PolicyIndex<T>, subject: Subject, rootNamespace: string): Stored<T>[] {
  return [...new Set([rootNamespace, subject.namespace])].flatMap((namespace) => index.get(namespace)?.selecting(subject.labels) ?? []);
}

export type Mtls = Exclude<MutualTlsMode, 'UNSET'>;

export interface EffectiveMtls {
  readonly mode: Mtls;
  /** By port of the pod; only those that differ from nothing being said. */
  readonly ports: ReadonlyMap<number, Mtls>;
  /** The objects that have a say, also where a narrower one overrules them. */
  readonly origins: readonly Origin[];
}

/** Port, workload, namespace, mesh: the narrowest that says something wins; of equals the oldest. Default PERMISSIVE.
 * Istio: authn.ComposePeerAuthentication. */
export function effectiveMtls(index: PolicyIndex<PeerAuthentication>, subject: Subject, rootNamespace: string): EffectiveMtls {
  const wide = (namespace: string) => index.get(namespace)?.unselective[0];
  // The root namespace's own workloads are selected like those of any other.
  const own = index.get(subject.namespace)?.selecting(subject.labels).find(hasSelector);
  const chain = [own, subject.namespace === rootNamespace ? undefined : wide(subject.namespace), wide(rootNamespace)];
  const mode = chain.map((p) => said(p?.spec?.mtls?.mode)).find((m) => m !== undefined) ?? 'PERMISSIVE';
  const ports = new Map<number, Mtls>();
  for (const [port, { mode: portMode }] of Object.entries(own?.spec?.portLevelMtls ?? {})) ports.set(Number(port), said(portMode) ?? mode);
  return { mode, ports, origins: originsOf('PeerAuthentication', chain.filter((p) => p !== undefined)) };
}

const said = (mode: MutualTlsMode | undefined): Mtls | undefined => (mode === undefined || mode === 'UNSET' ? undefined : mode);

export const mtlsOnPort = (effective: EffectiveMtls, port: number): Mtls => effective.ports.get(port) ?? effective.mode;

/** A server that a policy tells to take plaintext only is called in plaintext, although it has a sidecar. */
export function acceptsMutualTls(endpoint: Endpoint, index: PolicyIndex<PeerAuthentication>, rootNamespace: string): boolean {
  if (!endpoint.speaksMutualTls) return false;
  return index.size === 0 || mtlsOnPort(effectiveMtls(index, endpoint, rootNamespace), endpoint.port) !== 'DISABLE';
}

export type AuthorizationIndex = PolicyIndex<AuthorizationPolicy>;
export type RequestAuthenticationIndex = PolicyIndex<RequestAuthentication>;
export type TelemetryIndex = PolicyIndex<Telemetry>;
export type PeerAuthenticationIndex = PolicyIndex<PeerAuthentication>;
