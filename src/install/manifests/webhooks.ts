/** How the API server is told to ask the control plane: injection of pods, validation of our kinds. */
import type { MutatingWebhook } from 'kubernetes-types/admissionregistration/v1.d.ts';
import { KINDS } from '../../api/kinds.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { InstallSpec } from '../spec.ts';
import { Component, componentLabels } from './labels.ts';

const INJECT = 'sidecar.istio.io/inject';
const INJECTION = 'istio-injection';
const REVISION = 'istio.io/rev';
const APPLY_AT = { admissionReviewVersions: ['v1'], sideEffects: 'None', timeoutSeconds: 10 };

const is = (key: string, ...values: string[]) => ({ key, operator: 'In', values });
const isNot = (key: string, ...values: string[]) => ({ key, operator: 'NotIn', values });
const isAbsent = (key: string) => ({ key, operator: 'DoesNotExist' });

/** Four webhooks that between them choose each pod at most once. Istio: the table of injection by labels. */
export function renderInjectorWebhook(spec: InstallSpec): KubeObject {
  const select = (name: string, namespace: object[], pod: object[]) => ({
    name: `${name}.sidecar-injector.istio.io`,
    clientConfig: spec.remoteInjectionUrl === undefined ? { service: { name: 'istiod', namespace: spec.namespace, path: '/inject', port: 443 } } : { url: spec.remoteInjectionUrl },
    rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
    namespaceSelector: { matchExpressions: namespace },
    objectSelector: { matchExpressions: pod },
    failurePolicy: 'Fail',
    reinvocationPolicy: 'Never',
    ...APPLY_AT,
  });
  const webhooks = [
    select('rev.namespace', [is(REVISION, 'default'), isAbsent(INJECTION)], [isNot(INJECT, 'false')]),
    select('rev.object', [isAbsent(REVISION), isAbsent(INJECTION)], [isNot(INJECT, 'false'), is(REVISION, 'default')]),
    select('namespace', [is(INJECTION, 'enabled')], [isNot(INJECT, 'false')]),
    select('object', [isAbsent(INJECTION), isAbsent(REVISION)], [is(INJECT, 'true'), isAbsent(REVISION)]),
  ] as MutatingWebhook[];
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'istio-sidecar-injector', labels: { ...componentLabels(Component.Pilot, spec.version), app: 'sidecar-injector' } },
    webhooks,
  } as KubeObject;
}

/** The control plane turns `Ignore` into `Fail` when it has been seen to answer. */
export function renderValidatorWebhook(spec: InstallSpec): KubeObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: `istio-validator-${spec.namespace}`, labels: { ...componentLabels(Component.Pilot, spec.version), app: 'istiod', istio: 'istiod' } },
    webhooks: [
      {
        name: 'rev.validation.istio.io',
        clientConfig: { service: { name: 'istiod', namespace: spec.namespace, path: '/validate', port: 443 } },
        rules: [{ operations: ['CREATE', 'UPDATE'], apiGroups: [...new Set(KINDS.map((kind) => kind.group))], apiVersions: ['*'], resources: ['*'] }],
        failurePolicy: 'Ignore',
        ...APPLY_AT,
      },
    ],
  } as KubeObject;
}
