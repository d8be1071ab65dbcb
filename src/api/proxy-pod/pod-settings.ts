/** What the annotations of a pod, the mesh configuration and the injector's values say together about its proxy. */
import { parse } from 'yaml';
import type { Pod, ResourceRequirements } from 'kubernetes-types/core/v1.d.ts';
import { errorText } from '../../base/errors.ts';
import { parseCidr } from '../../base/cidr.ts';
import { defaultMeshConfig, overlay, type ProxyDefaults } from '../mesh-config.ts';
import { Annotation } from './annotations.ts';
import type { InjectConfig } from './config.ts';
import { InjectionError } from './errors.ts';
import { proxyConfigsFor } from './proxy-configs.ts';

export interface PodSettings {
  /** Mesh-wide proxy settings with the pod's own laid over. */
  readonly proxy: ProxyDefaults;
  /** The part of `proxy` that differs from what every proxy assumes. */
  readonly proxyDiff: Readonly<Record<string, unknown>>;
  readonly interceptionMode: 'REDIRECT' | 'TPROXY' | 'NONE';
  readonly native: boolean;
  /** Where health is asked for; 0: nowhere. */
  readonly statusPort: number;
  /** Where the proxy serves merged metrics: the port that its own configuration names. */
  readonly metricsPort: number;
  readonly resources: ResourceRequirements;
  readonly rewriteProbes: boolean;
  /** An annotation, or else the given default. */
  text(annotation: string, fallback: string): string;
  has(annotation: string): boolean;
}

/** @throws InjectionError when an annotation cannot be understood */
export function podSettings(pod: Pod, namespace: string, config: InjectConfig): PodSettings {
  const annotations = pod.metadata?.annotations ?? {};
  const { values, mesh } = config;
  const has = (name: string) => Object.hasOwn(annotations, name);
  const text = (name: string, fallback: string) => annotations[name] ?? fallback;
  for (const check of CHECKS) {
    const problem = has(check.name) ? check.problem(annotations[check.name] ?? '') : undefined;
    if (problem !== undefined) throw new InjectionError(`annotation ${check.name}: ${problem}`);
  }
  const objects = proxyConfigsFor(config.proxyConfigs, { namespace, labels: pod.metadata?.labels, rootNamespace: mesh.rootNamespace });
  const own = overlay(objects, proxyConfigOf(annotations[Annotation.ProxyConfig])) as ProxyDefaults;
  const proxy = overlay(mesh.defaultConfig, own) as ProxyDefaults;
  const defaults = defaultMeshConfig(mesh.rootNamespace).defaultConfig as unknown as Record<string, unknown>;
  return {
    proxy,
    proxyDiff: { ...differences(defaults, mesh.defaultConfig as unknown as Record<string, unknown>), ...own },
    interceptionMode: interceptionMode(text(Annotation.InterceptionMode, proxy.interceptionMode ?? 'REDIRECT')),
    native: text(Annotation.NativeSidecar, String(values.nativeSidecars)) === 'true',
    statusPort: Number(text(Annotation.StatusPort, String(own.statusPort ?? values.statusPort))),
    metricsPort: Number(text(Annotation.StatusPort, String(proxy.statusPort ?? values.statusPort))),
    resources: resources(annotations, values.resources),
    rewriteProbes: text(Annotation.RewriteProbes, String(values.rewriteAppHttpProbe)) === 'true',
    text,
    has,
  };
}

function proxyConfigOf(yaml: string | undefined): ProxyDefaults {
  if (yaml === undefined) return {};
  try {
    const value: unknown = parse(yaml) ?? {};
    // Its fields are the proxy's to check; it reports each mistake when it starts.
    if (typeof value === 'object' && !Array.isArray(value)) return value as ProxyDefaults;
  } catch (error) {
    throw new InjectionError(`annotation ${Annotation.ProxyConfig}: ${errorText(error)}`);
  }
  throw new InjectionError(`annotation ${Annotation.ProxyConfig}: must be a mapping such as "holdApplicationUntilProxyStarts: true"`);
}

function interceptionMode(text: string): PodSettings['interceptionMode'] {
  if (text === 'REDIRECT' || text === 'TPROXY' || text === 'NONE') return text;
  throw new InjectionError(`annotation ${Annotation.InterceptionMode}: ${JSON.stringify(text)} is none of REDIRECT, TPROXY, NONE`);
}

/** One resource annotation replaces all of the defaults, as in Istio. */
function resources(annotations: Readonly<Record<string, string>>, fallback: ResourceRequirements): ResourceRequirements {
  const pick = (cpu: string, memory: string) => ({ ...(annotations[cpu] ? { cpu: annotations[cpu] } : {}), ...(annotations[memory] ? { memory: annotations[memory] } : {}) });
  const requests = pick(Annotation.ProxyCpu, Annotation.ProxyMemory);
  const limits = pick(Annotation.ProxyCpuLimit, Annotation.ProxyMemoryLimit);
  const some = [requests, limits].some((part) => Object.keys(part).length > 0);
  if (!some) return fallback;
  return { ...(Object.keys(limits).length > 0 ? { limits } : {}), ...(Object.keys(requests).length > 0 ? { requests } : {}) };
}

interface Check {
  readonly name: string;
  problem(value: string): string | undefined;
}

const CHECKS: readonly Check[] = [
  { name: Annotation.IncludeOutboundRanges, problem: (value) => (value === '*' ? undefined : rangeProblem(value)) },
  { name: Annotation.ExcludeOutboundRanges, problem: rangeProblem },
  ...[Annotation.IncludeInboundPorts, Annotation.ExcludeInboundPorts, Annotation.IncludeOutboundPorts, Annotation.ExcludeOutboundPorts, Annotation.ReadinessPorts].map((name) => ({ name, problem: portsProblem })),
  ...[Annotation.StatusPort, Annotation.ReadinessInitialDelay, Annotation.ReadinessPeriod, Annotation.ReadinessFailures].map((name) => ({ name, problem: countProblem })),
];

function rangeProblem(value: string): string | undefined {
  if (value === '') return undefined;
  const bad = value.split(',').find((range) => !range.includes('/') || parseCidr(range.trim()) === undefined);
  return bad === undefined ? undefined : `${JSON.stringify(bad)} is not a range such as 10.0.0.0/8`;
}

function portsProblem(value: string): string | undefined {
  if (value === '*' || value === '') return undefined;
  const bad = value.split(',').find((port) => !/^\d{1,5}$/.test(port.trim()) || Number(port) > 65_535);
  return bad === undefined ? undefined : `${JSON.stringify(bad)} is not a port`;
}

function countProblem(value: string): string | undefined {
  return /^\d+$/.test(value) ? undefined : `${JSON.stringify(value)} is not a number`;
}

function differences(base: Readonly<Record<string, unknown>>, value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([name, field]) => JSON.stringify(field) !== JSON.stringify(base[name])));
}
