/** Everything that a spec asks for, in the order in which it has to be there. */
import type { KubeObject } from '../kube/object.ts';
import { renderDefinitions, renderNamespace } from './manifests/base.ts';
import { renderConsole } from './manifests/console.ts';
import { renderGateway } from './manifests/gateway.ts';
import { renderIstiod, renderIstiodAccess, renderMeshConfiguration } from './manifests/istiod.ts';
import { Component } from './manifests/labels.ts';
import { renderObserve } from './manifests/observe.ts';
import { renderInjectorWebhook, renderValidatorWebhook } from './manifests/webhooks.ts';
import { resolveInstall, type InstallOptions, type InstallSpec } from './spec.ts';

/** Objects of one wave do not need each other; each wave needs the ones before. */
export interface Waves {
  /** Namespace and definitions. */
  readonly base: readonly KubeObject[];
  /** Accounts, roles, configuration, services, webhook configurations. */
  readonly setting: readonly KubeObject[];
  /** Deployments. */
  readonly workloads: readonly KubeObject[];
}

export function renderWaves(spec: InstallSpec): Waves {
  const base: KubeObject[] = [];
  const setting: KubeObject[] = [];
  const workloads: KubeObject[] = [];
  const isEmpty = !spec.hasBase && !spec.pilot && spec.ingress.length + spec.egress.length === 0 && !spec.hasObserve && !spec.hasConsole;
  if (!isEmpty) base.push(renderNamespace(spec));
  if (spec.hasBase) base.push(...renderDefinitions(spec));
  if (spec.pilot) {
    const istiod = renderIstiod(spec);
    setting.push(...renderIstiodAccess(spec), ...renderMeshConfiguration(spec), istiod.service, renderInjectorWebhook(spec), renderValidatorWebhook(spec));
    workloads.push(istiod.deployment);
  } else if (spec.remoteInjectionUrl !== undefined) {
    setting.push(...renderMeshConfiguration(spec), renderInjectorWebhook(spec));
  }
  for (const [gateways, component] of [[spec.ingress, Component.Ingress], [spec.egress, Component.Egress]] as const) {
    for (const gateway of gateways) {
      const rendered = renderGateway(gateway, component, spec);
      setting.push(...rendered.access, rendered.service);
      workloads.push(rendered.deployment);
    }
  }
  if (spec.hasObserve) {
    const observe = renderObserve(spec);
    setting.push(...observe.access, ...observe.services);
    workloads.push(observe.deployment);
  }
  if (spec.hasConsole) {
    const console = renderConsole(spec);
    setting.push(...console.access, console.service);
    workloads.push(console.deployment);
  }
  return { base, setting, workloads };
}

/** What `manifest generate` prints. Pure.
 * @throws InstallError as `resolveInstall` */
export function renderManifests(options: InstallOptions): KubeObject[] {
  const { base, setting, workloads } = renderWaves(resolveInstall(options));
  return [...base, ...setting, ...workloads];
}
