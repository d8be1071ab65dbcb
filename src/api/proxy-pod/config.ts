/** The injector's configuration: ConfigMap `istio-sidecar-injector`, keys `config` (YAML) and `values` (JSON). */
import { parse } from 'yaml';
import { errorText } from '../../base/errors.ts';
import type { Issue } from '../issue.ts';
import { defaultMeshConfig, type MeshConfig } from '../mesh-config.ts';
import type { LabelSelectorObject } from '../../kube/selectors.ts';
import type { ProxyConfigObject } from '../proxy-config.ts';
import { decodeInjectorValues, type InjectorValues } from './values.ts';

export interface InjectConfig {
  /** What happens to a pod about which no label or annotation says anything. */
  readonly policy: 'enabled' | 'disabled';
  readonly alwaysInjectSelector: readonly LabelSelectorObject[];
  readonly neverInjectSelector: readonly LabelSelectorObject[];
  readonly injectedAnnotations: Readonly<Record<string, string>>;
  /** Revision of this control plane; `default` when it has none. */
  readonly revision: string;
  readonly mesh: MeshConfig;
  readonly values: InjectorValues;
  /** ProxyConfig objects of the mesh. */
  readonly proxyConfigs: readonly ProxyConfigObject[];
  /** What EnvoyFilters say of the bootstrap of a pod's proxy, as JSON; default: nothing. */
  readonly bootstrapFor?: (pod: { role: 'sidecar' | 'router'; namespace: string; labels: Readonly<Record<string, string>> }) => string | undefined;
}

export function defaultInjectConfig(overrides: Partial<InjectConfig> = {}): InjectConfig {
  return {
    policy: 'enabled',
    alwaysInjectSelector: [],
    neverInjectSelector: [],
    injectedAnnotations: {},
    revision: 'default',
    mesh: defaultMeshConfig(),
    values: decodeInjectorValues({}),
    proxyConfigs: [],
    ...overrides,
  };
}

/** With an error among the issues the defaults are returned: the caller keeps the last good configuration. */
export function decodeInjectConfig(data: Readonly<Record<string, string>>, mesh: MeshConfig, revision = 'default'): { value: InjectConfig; issues: Issue[] } {
  const issues: Issue[] = [];
  const read = (key: string, decode: (text: string) => unknown): Record<string, unknown> => {
    try {
      const value = decode(data[key] ?? '{}') ?? {};
      if (isRecord(value)) return value;
      issues.push({ severity: 'error', path: key, message: 'must be a mapping' });
    } catch (error) {
      issues.push({ severity: 'error', path: key, message: errorText(error) });
    }
    return {};
  };
  const config = read('config', parse);
  const values = read('values', JSON.parse);
  if (issues.length > 0) return { value: defaultInjectConfig({ mesh, revision }), issues };
  const selectors = (name: string) => (Array.isArray(config[name]) ? (config[name] as LabelSelectorObject[]) : []);
  return {
    value: {
      policy: config['policy'] === 'disabled' ? 'disabled' : 'enabled',
      alwaysInjectSelector: selectors('alwaysInjectSelector'),
      neverInjectSelector: selectors('neverInjectSelector'),
      injectedAnnotations: isRecord(config['injectedAnnotations']) ? mapText(config['injectedAnnotations']) : {},
      revision,
      mesh,
      values: decodeInjectorValues(values),
      proxyConfigs: [],
    },
    issues,
  };
}

const mapText = (record: Record<string, unknown>) => Object.fromEntries(Object.entries(record).map(([key, value]) => [key, String(value)]));
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
