/** Addresses → pages. */
import type { IconName } from '../ui/icon.tsx';

export type PageName = 'overview' | 'graph' | 'applications' | 'workloads' | 'services' | 'application' | 'workload' | 'service' | 'config' | 'configObject' | 'traces' | 'trace' | 'mesh' | 'missing';

export interface Page {
  readonly name: PageName;
  readonly title: string;
  /** The entry of the menu it belongs to. */
  readonly section: string;
  readonly args: readonly string[];
  /** Fills the stage to its edges. */
  readonly flush: boolean;
}

export interface Section {
  readonly path: string;
  readonly title: string;
  readonly icon: IconName;
}

export const SECTIONS: readonly Section[] = [
  { path: '/overview', title: 'Overview', icon: 'overview' },
  { path: '/graph', title: 'Traffic graph', icon: 'graph' },
  { path: '/applications', title: 'Applications', icon: 'applications' },
  { path: '/workloads', title: 'Workloads', icon: 'workloads' },
  { path: '/services', title: 'Services', icon: 'services' },
  { path: '/istio', title: 'Istio config', icon: 'config' },
  { path: '/traces', title: 'Traces', icon: 'traces' },
  { path: '/mesh', title: 'Mesh', icon: 'mesh' },
];

const SEGMENT = '([^/]+)';

/** Pattern, page, section, title from the captured segments. */
const ROUTES: readonly (readonly [RegExp, PageName, string, (args: readonly string[]) => string])[] = [
  [/^\/(overview)?$/, 'overview', '/overview', () => 'Overview'],
  [/^\/graph$/, 'graph', '/graph', () => 'Traffic graph'],
  [/^\/applications$/, 'applications', '/applications', () => 'Applications'],
  [/^\/workloads$/, 'workloads', '/workloads', () => 'Workloads'],
  [/^\/services$/, 'services', '/services', () => 'Services'],
  [new RegExp(`^/namespaces/${SEGMENT}/applications/${SEGMENT}$`), 'application', '/applications', (args) => args[1] ?? ''],
  [new RegExp(`^/namespaces/${SEGMENT}/workloads/${SEGMENT}$`), 'workload', '/workloads', (args) => args[1] ?? ''],
  [new RegExp(`^/namespaces/${SEGMENT}/services/${SEGMENT}$`), 'service', '/services', (args) => args[1] ?? ''],
  [/^\/istio$/, 'config', '/istio', () => 'Istio config'],
  [new RegExp(`^/namespaces/${SEGMENT}/istio/${SEGMENT}/${SEGMENT}/${SEGMENT}$`), 'configObject', '/istio', (args) => args[3] ?? ''],
  [/^\/traces$/, 'traces', '/traces', () => 'Traces'],
  [new RegExp(`^/traces/${SEGMENT}$`), 'trace', '/traces', () => 'Trace'],
  [/^\/mesh$/, 'mesh', '/mesh', () => 'Mesh'],
];

export function pageOf(path: string): Page {
  for (const [pattern, name, section, title] of ROUTES) {
    const match = pattern.exec(path);
    if (!match) continue;
    const args = name === 'overview' ? [] : match.slice(1).map((text) => decodeURIComponent(text));
    return { name, section, args, title: title(args), flush: name === 'graph' };
  }
  return { name: 'missing', title: 'Not found', section: '', args: [], flush: false };
}

export const workloadPath = (namespace: string, name: string): string => `/namespaces/${encodeURIComponent(namespace)}/workloads/${encodeURIComponent(name)}`;
export const servicePath = (namespace: string, name: string): string => `/namespaces/${encodeURIComponent(namespace)}/services/${encodeURIComponent(name)}`;
export const applicationPath = (namespace: string, name: string): string => `/namespaces/${encodeURIComponent(namespace)}/applications/${encodeURIComponent(name)}`;
export const configPath = (namespace: string, kind: { group: string; plural: string }, name: string): string => `/namespaces/${encodeURIComponent(namespace)}/istio/${kind.group}/${kind.plural}/${encodeURIComponent(name)}`;
