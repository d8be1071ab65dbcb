/** Between the decoded object and the store: defaults, admission, preparation, validation. */
import { randomUUID } from 'node:crypto';
import type { KubeObject, Stored } from '../../../kube/object.ts';
import type { AdmissionRequest } from '../admission.ts';
import type { Kind } from '../kinds/kind.ts';
import { invalidObject, type FieldError } from '../status.ts';
import type { Caller } from './caller.ts';
import type { RestDeps } from './deps.ts';

export interface Admission {
  kind: Kind;
  operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  subresource?: string;
  namespace?: string;
  name: string;
  object?: KubeObject;
  old?: Stored;
  caller: Caller;
  options?: Record<string, unknown>;
}

/** Runs the chain. @param revise brings the object back into shape after plugins changed it, and validates it
 * @returns the object as admission left it */
export async function admit(deps: RestDeps, admission: Admission, revise: (object: KubeObject) => KubeObject): Promise<KubeObject | undefined> {
  const { caller, kind } = admission;
  let current = admission.object;
  const chain = deps.admission();
  if (!chain) return current && revise(current);
  const request: AdmissionRequest = {
    uid: randomUUID(),
    operation: admission.operation,
    resource: kind.resource,
    subresource: admission.subresource,
    namespace: admission.namespace,
    // A generated name is given after mutation; validating plugins see it.
    get name() {
      return admission.name || (request.object?.metadata?.name ?? '');
    },
    object: current,
    oldObject: admission.old,
    userInfo: caller.user,
    dryRun: caller.dryRun,
    options: admission.options ?? {},
    warnings: caller.warnings,
  };
  await chain.admit(request, (object) => {
    current = revise(object);
    return current;
  });
  return request.object;
}

/** Drops what a plugin added but the kind does not have, and defaults again. */
export function reshape(kind: Kind, object: KubeObject): KubeObject {
  if (kind.convert && !kind.isCustom) return object;
  const { value } = kind.decode(object as Record<string, unknown>);
  const shaped = value as KubeObject;
  kind.strategy.default?.(shaped);
  return shaped;
}

/** @throws KubeApiError 422 */
export function refuseInvalid(kind: Kind, name: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalidObject(kind.resource, name, errors);
}
