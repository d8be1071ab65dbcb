/** Injection into whatever holds a pod, as `istioctl kube-inject` does on files. */
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { InjectConfig } from '../../api/proxy-pod/config.ts';
import { injectPod } from './inject-pod.ts';
import { injectionFor } from './required.ts';
import type { Workload } from '../../api/proxy-pod/workload.ts';

type Fields = Record<string, unknown>;

/** Where each kind keeps its pod template. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  Deployment: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  DeploymentConfig: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

/** The object with its pod injected, or the same object when it has none or none is wanted.
 * @throws InjectionError as `injectPod` */
export function injectObject(object: KubeObject, config: InjectConfig, defaultNamespace = 'default'): KubeObject {
  const namespace = object.metadata?.namespace ?? defaultNamespace;
  if (object.kind === 'List') {
    const list = object as KubeObject & { items?: KubeObject[] };
    return { ...list, items: (list.items ?? []).map((item) => injectObject(item, config, defaultNamespace)) } as KubeObject;
  }
  if (object.kind === 'Pod') {
    const pod = object as Pod;
    return injectionFor(pod, namespace, config).inject ? injectPod(pod, namespace, config).pod : object;
  }
  const path = TEMPLATES[object.kind ?? ''];
  return path ? replaceAt(object as unknown as Fields, path, (template) => injectTemplate(template, object, namespace, config)) as KubeObject : object;
}

function injectTemplate(template: Fields, object: KubeObject, namespace: string, config: InjectConfig): Fields {
  const pod = template as Pod;
  if (!injectionFor(pod, namespace, config).inject) return template;
  const workload: Workload = { apiVersion: object.apiVersion ?? 'v1', kind: object.kind ?? '', name: object.metadata?.name ?? '' };
  return injectPod(pod, namespace, config, workload).pod as Fields;
}

function replaceAt(object: Fields, path: readonly string[], replace: (value: Fields) => Fields): Fields {
  const [name, ...rest] = path;
  if (name === undefined) return replace(object);
  const child = object[name];
  return typeof child === 'object' && child !== null ? { ...object, [name]: replaceAt(child as Fields, rest, replace) } : object;
}
