/** Patches of a proxy's bootstrap. It is there before the proxy has asked anything, so they go into the pod when it is made. */
import { create, toJsonString } from '@bufbuild/protobuf';
import type { EnvoyFilter } from '../../api/envoy-filter.ts';
import type { Stored } from '../../kube/object.ts';
import { messageTypes } from '../../xds/message-types.ts';
import { envoyFiltersFor, type EnvoyFilterIndex } from '../registry/envoy-filters.ts';
import { mergeJson } from './json-merge.ts';
import { MESSAGE, readPatches, typeOf, type Patch } from './patch.ts';

export interface NewPod {
  readonly role: 'sidecar' | 'router';
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** JSON of the Bootstrap that is to be merged into the pod's own, with the fields' names as Envoy's documentation has them; undefined: nothing.
 * @param index of objects that have been found valid */
export function bootstrapFor(pod: NewPod, index: EnvoyFilterIndex, rootNamespace: string): string | undefined {
  const patches = envoyFiltersFor(index, pod, rootNamespace).filter(hasBootstrap).flatMap((filter) => readPatches(filter).patches).filter((patch) => patch.place === 'BOOTSTRAP' && isFor(patch, pod));
  if (patches.length === 0) return undefined;
  const types = messageTypes();
  const desc = typeOf(MESSAGE.BOOTSTRAP, types);
  const bootstrap = create(desc);
  // What is wrong with a value has been found when the object was read.
  for (const { value, lists, path } of patches) mergeJson(desc, bootstrap, value, { types, lists, path, problem() {} });
  return toJsonString(desc, bootstrap, { registry: types, useProtoFieldName: true });
}

/** Seldom: nothing else of an object is read for a pod. */
const hasBootstrap = ({ spec }: Stored<EnvoyFilter>): boolean => (spec?.configPatches ?? []).some(({ applyTo }) => applyTo === 'BOOTSTRAP');

const isFor = ({ context }: Patch, { role }: NewPod): boolean => context === 'ANY' || (context === 'GATEWAY') === (role === 'router');
