/** Whether an object is in force, from its status. */
import type { IstioObject } from '../api/kube.ts';
import { conditionView, type ConditionView, type Progress, type Tone } from './condition.ts';

/** Worst first. `unused`: it is good, and no proxy has a use for it; `unknown`: nobody says anything. */
export const STATES = ['error', 'pending', 'warning', 'unknown', 'unused', 'valid'] as const;
export type State = (typeof STATES)[number];

export interface ConfigState {
  readonly state: State;
  /** What is wrong, or waited for: the worst first. */
  readonly messages: readonly string[];
  /** The worst of it in one line. */
  readonly headline: string | undefined;
  readonly conditions: readonly ConditionView[];
  readonly progress: Progress | undefined;
}

const STATE_OF: Readonly<Record<Tone, State>> = { bad: 'error', pending: 'pending', warn: 'warning', plain: 'unused', good: 'valid' };

export function configState({ metadata, status }: IstioObject): ConfigState {
  const conditions = (status?.conditions ?? []).map((condition) => conditionView(condition, metadata.generation));
  const told = [
    ...conditions.map((it) => ({ state: STATE_OF[it.tone], text: `${it.type}: ${it.points.join('; ') || it.reason}`, short: (it.progress ? it.points.at(-1) : it.points[0]) ?? it.reason })),
    ...(status?.validationMessages ?? []).map((it) => ({ state: levelOf(String(it.level ?? '')), text: `${it.type?.code ?? ''} ${it.message ?? it.type?.name ?? ''}`.trim(), short: it.message ?? it.type?.name ?? '' })),
  ].sort((a, b) => severity(a.state) - severity(b.state));
  const state = told[0]?.state ?? 'unknown';
  const wrong = told.filter((it) => severity(it.state) < severity('unknown'));
  return { state, messages: wrong.map((it) => it.text), headline: wrong[0]?.short, conditions, progress: conditions.find((it) => it.progress)?.progress };
}

export const severity = (state: State): number => STATES.indexOf(state);

/** Of Istio's analysis messages, by name or number. */
function levelOf(level: string): State {
  if (/ERROR|^3$/i.test(level)) return 'error';
  return /WARN|^[48]$/i.test(level) ? 'warning' : 'valid';
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
