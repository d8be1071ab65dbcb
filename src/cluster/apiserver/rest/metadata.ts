import { dns1035Error, labelNameError, pathSegmentError, subdomainError } from '../../../kube/names.ts';
import type { KubeObject } from '../../../kube/object.ts';
import type { Kind } from '../kinds/kind.ts';
import { forbiddenField, invalid, type FieldError } from '../status.ts';
import { validateMeta } from './objects.ts';

const RBAC = 'rbac.authorization.k8s.io';
/** Kinds whose names are not subdomains. */
const LABEL_NAMES = new Set(['/namespaces']);
const DNS_1035_NAMES = new Set(['/services']);

export function metadataErrors(kind: Kind, object: KubeObject): FieldError[] {
  return validateMeta(object, nameRule(kind));
}

function nameRule(kind: Kind): (name: string) => string | undefined {
  if (LABEL_NAMES.has(kind.collection)) return labelNameError;
  if (DNS_1035_NAMES.has(kind.collection)) return dns1035Error;
  return kind.resource.group === RBAC ? pathSegmentError : subdomainError;
}

/** What of the metadata an update may not change. */
export function metadataUpdateErrors(kind: Kind, object: KubeObject, old: KubeObject): FieldError[] {
  const errors = metadataErrors(kind, object);
  const [now = {}, before = {}] = [object.metadata, old.metadata];
  for (const field of ['name', 'namespace', 'uid'] as const) {
    if (now[field] !== before[field]) errors.push(invalid(`metadata.${field}`, now[field], 'field is immutable'));
  }
  if (before.deletionTimestamp) {
    const added = (now.finalizers ?? []).filter((f) => !before.finalizers?.includes(f));
    if (added.length > 0) errors.push(forbiddenField('metadata.finalizers', `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((f) => JSON.stringify(f)).join(', ')}}`));
  }
  return errors;
}
