/** Cells that take more than a field. */
import type { Endpoints, Node, ResourceQuota, Service } from 'kubernetes-types/core/v1.d.ts';
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Ingress } from 'kubernetes-types/networking/v1.d.ts';
import type { Job } from 'kubernetes-types/batch/v1.d.ts';
import { formatSelector, selectorOf, type LabelSelectorObject } from '../../../kube/selectors.ts';
import { humanDuration, NONE } from './column.ts';

export const joined = (values: readonly (string | undefined)[] | undefined, none = NONE): string => (values && values.length > 0 ? values.join(',') : none);
export const selectorText = (selector: LabelSelectorObject | undefined): string => (selector && selectorOf(selector).length > 0 ? formatSelector(selectorOf(selector)) : NONE);

const ACCESS: Readonly<Record<string, string>> = { ReadWriteOnce: 'RWO', ReadOnlyMany: 'ROX', ReadWriteMany: 'RWX', ReadWriteOncePod: 'RWOP' };
export const accessModes = (modes: readonly string[] | undefined): string => (modes ?? []).map((mode) => ACCESS[mode] ?? mode).join(',');

export function externalIp({ spec, status }: Service): string {
  const given = spec?.externalIPs ?? [];
  switch (spec?.type) {
    case 'ExternalName': return spec.externalName ?? NONE;
    case 'LoadBalancer': {
      const ingress = (status?.loadBalancer?.ingress ?? []).map((i) => i.ip ?? i.hostname ?? '');
      return joined([...ingress, ...given], '<pending>');
    }
    default: return joined(given);
  }
}

export function servicePorts({ spec }: Service): string {
  return joined((spec?.ports ?? []).map((p) => `${p.port}${p.nodePort ? `:${p.nodePort}` : ''}/${p.protocol ?? 'TCP'}`));
}

export function nodeStatus({ spec, status }: Node): string {
  const ready = status?.conditions?.find((c) => c.type === 'Ready');
  const text = ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown';
  return spec?.unschedulable ? `${text},SchedulingDisabled` : text;
}

const ROLE = 'node-role.kubernetes.io/';

export function nodeRoles({ metadata }: Node): string {
  const roles = Object.entries(metadata?.labels ?? {}).flatMap(([key, value]) => (key.startsWith(ROLE) ? [key.slice(ROLE.length)] : key === 'kubernetes.io/role' ? [value] : []));
  return joined(roles.sort());
}

export const nodeAddress = ({ status }: Node, type: string): string => status?.addresses?.find((a) => a.type === type)?.address ?? NONE;

/** `requests.cpu: 750m/1`; requests and limits are two columns. */
export function quotaText({ status }: ResourceQuota, limits: boolean): string {
  const names = Object.keys(status?.hard ?? {}).filter((name) => name.startsWith('limits.') === limits).sort();
  return names.map((name) => `${name}: ${status?.used?.[name] ?? '0'}/${status?.hard?.[name] ?? '0'}`).join(', ');
}

const MAX_SHOWN = 3;

function withMore(all: readonly string[]): string {
  if (all.length === 0) return NONE;
  const more = all.length - MAX_SHOWN;
  return more > 0 ? `${all.slice(0, MAX_SHOWN).join(',')} + ${more} more...` : all.join(',');
}

export function endpointsText({ subsets }: Endpoints): string {
  return withMore((subsets ?? []).flatMap(({ addresses, ports }) => (ports?.length ? ports.flatMap((port) => (addresses ?? []).map((a) => `${a.ip}:${port.port}`)) : (addresses ?? []).map((a) => a.ip))));
}

export const slicePorts = ({ ports }: EndpointSlice): string => (ports?.length ? withMore(ports.map((p) => String(p.port ?? '*'))) : '<unset>');
export const sliceAddresses = ({ endpoints }: EndpointSlice): string => (endpoints?.length ? withMore(endpoints.flatMap((e) => e.addresses)) : '<unset>');

export function ingressHosts({ spec }: Ingress): string {
  const hosts = (spec?.rules ?? []).map((rule) => rule.host ?? '').filter((host) => host !== '');
  return hosts.length === 0 ? '*' : withMore(hosts);
}

export function jobStatus({ status, spec, metadata }: Job): string {
  const is = (type: string) => status?.conditions?.some((c) => c.type === type && c.status === 'True') ?? false;
  if (is('Complete')) return 'Complete';
  if (is('Failed')) return 'Failed';
  if (metadata?.deletionTimestamp) return 'Terminating';
  if (is('Suspended') || spec?.suspend) return 'Suspended';
  return is('FailureTarget') ? 'FailureTarget' : is('SuccessCriteriaMet') ? 'SuccessCriteriaMet' : 'Running';
}

export function jobCompletions({ status, spec }: Job): string {
  const done = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${done}/${spec.completions}`;
  const parallel = spec?.parallelism ?? 0;
  return parallel > 1 ? `${done}/1 of ${parallel}` : `${done}/1`;
}

export function jobDuration({ status }: Job, nowMs: number): string {
  if (!status?.startTime) return '';
  const end = status.completionTime ? Date.parse(status.completionTime) : nowMs;
  return humanDuration(end - Date.parse(status.startTime));
}

