/** What the whole cluster shares: the namespace and the definitions of our kinds. */
import { renderCrds } from '../../api/crds.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { InstallSpec } from '../spec.ts';
import { Component, componentLabels } from './labels.ts';

export function renderNamespace(spec: InstallSpec): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: spec.namespace } };
}

export function renderDefinitions(spec: InstallSpec): KubeObject[] {
  return renderCrds(componentLabels(Component.Base, spec.version)) as KubeObject[];
}
