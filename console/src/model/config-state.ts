/** Whether the control plane accepts an object, as far as its status tells. */
import type { IstioObject } from '../api/kube.ts';

export interface ConfigState {
  readonly state: 'valid' | 'warning' | 'error' | 'unknown';
  readonly messages: readonly string[];
}

/** @param leftOut the control plane's own reason for not using it; null when it says that it does */
export function configState(object: IstioObject, leftOut?: string | null): ConfigState {
  if (typeof leftOut === 'string') return { state: 'error', messages: [`Not in force: ${leftOut}`] };
  const messages = (object.status?.validationMessages ?? []).map((message) => ({ level: String(message.level ?? ''), text: `${message.type?.code ?? ''} ${message.message ?? message.type?.name ?? ''}`.trim() }));
  const failed = (object.status?.conditions ?? []).filter((condition) => condition.status === 'False' && ['Accepted', 'ResolvedRefs', 'Programmed', 'Reconciled'].includes(condition.type));
  const texts = [...messages.map((message) => message.text), ...failed.map((condition) => `${condition.type}: ${condition.message ?? condition.reason ?? 'not met'}`)];
  if (failed.length > 0 || messages.some((message) => /ERROR|^3$/i.test(message.level))) return { state: 'error', messages: texts };
  if (messages.some((message) => /WARN|^[48]$/i.test(message.level))) return { state: 'warning', messages: texts };
  const accepted = (object.status?.conditions ?? []).some((condition) => condition.status === 'True');
  return { state: accepted || leftOut === null ? 'valid' : 'unknown', messages: texts };
}

/** Hosts that an object is about, for the list and for finding what touches a service. */
export function hostsOf(object: IstioObject): string[] {
  const spec = object.spec ?? {};
  const hosts = [spec['host'], ...asList(spec['hosts']), ...asList(spec['hostnames']), ...asList(spec['servers']).flatMap((server) => asList((server as { hosts?: unknown }).hosts))];
  return hosts.filter((host): host is string => typeof host === 'string');
}

const asList = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** True when a host of the object means the service: its short name in the same namespace, or any longer form. */
export function concernsService(object: IstioObject, namespace: string, name: string): boolean {
  return hostsOf(object).some((host) => {
    const [short, place] = host.split('.');
    if (short !== name) return false;
    return host.includes('.') ? place === namespace : object.metadata.namespace === namespace;
  });
}
