/** Label and field selectors, as list, watch and deletecollection take them. */
import type { KubeObject } from '../../../kube/object.ts';
import { matchesFields, matchesLabels, parseFieldSelector, parseSelector } from '../../../kube/selectors.ts';
import type { Kind } from '../kinds/kind.ts';
import { badRequest, quote } from '../status.ts';

export interface Selection {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

/** @throws KubeApiError 400 */
export function compileSelection(kind: Kind, selection: Selection): (object: KubeObject) => boolean {
  const tests: ((object: KubeObject) => boolean)[] = [];
  const { namespace } = selection;
  if (namespace && kind.resource.namespaced) tests.push((object) => object.metadata?.namespace === namespace);
  if (selection.labelSelector) {
    const parsed = parseSelector(selection.labelSelector);
    if ('error' in parsed) throw badRequest(`unable to parse requirement: ${parsed.error}`.replace('unable to parse requirement: unable to parse requirement', 'unable to parse requirement'));
    tests.push((object) => matchesLabels(parsed.ok, object.metadata?.labels));
  }
  if (selection.fieldSelector) tests.push(compileFields(kind, selection.fieldSelector));
  return (object) => tests.every((test) => test(object));
}

function compileFields(kind: Kind, text: string): (object: KubeObject) => boolean {
  const parsed = parseFieldSelector(text);
  if ('error' in parsed) throw badRequest(parsed.error);
  for (const { field } of parsed.ok) {
    if (!['metadata.name', 'metadata.namespace', ...(kind.strategy.selectable ?? [])].includes(field)) {
      throw badRequest(`Unable to find ${quote([kind.resource.group, kind.resource.version].filter((p) => p !== '').join('/') + `, Resource=${kind.resource.plural}`)} that match label selector "", field selector ${quote(text)}: field label not supported: ${field}`);
    }
  }
  return (object) => {
    const values = kind.strategy.fields?.(object) ?? {};
    return matchesFields(parsed.ok, (name) => {
      if (name === 'metadata.name') return object.metadata?.name;
      return name === 'metadata.namespace' ? object.metadata?.namespace : values[name];
    });
  };
}
