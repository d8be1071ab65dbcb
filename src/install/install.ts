/** Brings a cluster to what the options say; doing it again changes nothing. */
import { systemClock, type Clock } from '../base/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { objectKey, type KubeObject } from '../kube/object.ts';
import { applyAll } from './apply.ts';
import { Component, COMPONENT_LABEL, OWNER, OWNER_LABEL } from './manifests/labels.ts';
import { checkImages } from './preflight.ts';
import { waitForDeployments } from './readiness.ts';
import { pruneComponents } from './remove.ts';
import { renderWaves } from './render.ts';
import { resolveInstall, type InstallOptions, type InstallSpec } from './spec.ts';

export interface InstallStep {
  /** `Istio core`, `Istiod`, `Ingress gateways`, … */
  readonly title: string;
  readonly state: 'started' | 'done';
  /** The line to print when the step is done, as istioctl prints it. */
  readonly text: string;
}

export interface InstallInput {
  readonly client: KubeClient;
  readonly options: InstallOptions;
  onProgress?(step: InstallStep): void;
  /** How long workloads may take to become ready; default 300 s, 0 does not wait. */
  readonly readinessTimeoutMs?: number;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

const TITLES: Readonly<Record<string, { title: string; text: string }>> = {
  [Component.Base]: { title: 'Istio core', text: '✔ Istio core installed ⛵️' },
  [Component.Pilot]: { title: 'Istiod', text: '✔ Istiod installed 🧠' },
  [Component.Egress]: { title: 'Egress gateways', text: '✔ Egress gateways installed 🛫' },
  [Component.Ingress]: { title: 'Ingress gateways', text: '✔ Ingress gateways installed 🛬' },
  [Component.Observe]: { title: 'Observability', text: '✔ Observability installed 📈' },
  [Component.Console]: { title: 'Console', text: '✔ Console installed 🧭' },
};

/** @throws InstallError: a wrong option, a data plane that the cluster has not, an object that the API server refuses, or workloads that are not ready in time */
export async function install(input: InstallInput): Promise<InstallSpec> {
  const { client, signal } = input;
  const spec = resolveInstall(input.options);
  await checkImages(client, spec);
  const waves = renderWaves(spec);
  const report = (component: string, state: InstallStep['state']) => {
    const step = TITLES[component];
    if (step) input.onProgress?.({ ...step, state });
  };
  if (spec.hasBase) report(Component.Base, 'started');
  await applyAll(client, waves.base, signal);
  await applyAll(client, waves.setting, signal);
  if (spec.hasBase) report(Component.Base, 'done');

  const components = new Set(waves.workloads.map(componentOf));
  for (const component of components) report(component, 'started');
  await Promise.all([applyAll(client, waves.workloads, signal), pruneComponents(client, componentsOf(spec))]);
  const timeoutMs = input.readinessTimeoutMs ?? 300_000;
  if (timeoutMs > 0) {
    const waiting = new Map(waves.workloads.map((object) => [objectKey(object), componentOf(object)]));
    const onReady = (key: string) => {
      const component = waiting.get(key);
      waiting.delete(key);
      if (component !== undefined && ![...waiting.values()].includes(component)) report(component, 'done');
    };
    await waitForDeployments(waves.workloads, { client, clock: input.clock ?? systemClock, timeoutMs, labelSelector: `${OWNER_LABEL}=${OWNER}`, onReady, ...(signal ? { signal } : {}) });
  }
  return spec;
}

const componentOf = (object: KubeObject): string => object.metadata?.labels?.[COMPONENT_LABEL] ?? '';

function componentsOf(spec: InstallSpec): Component[] {
  const isOn: readonly (readonly [Component, boolean])[] = [
    [Component.Pilot, spec.pilot !== undefined || spec.remoteInjectionUrl !== undefined],
    [Component.Ingress, spec.ingress.length > 0],
    [Component.Egress, spec.egress.length > 0],
    [Component.Observe, spec.hasObserve],
    [Component.Console, spec.hasConsole],
  ];
  return isOn.flatMap(([component, on]) => (on ? [component] : []));
}
