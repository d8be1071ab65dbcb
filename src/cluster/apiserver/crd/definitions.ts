/** CustomResourceDefinitions at work: checked, established, served, and cleaned up after. */
import type { CustomResourceDefinition, CustomResourceDefinitionCondition } from 'kubernetes-types/apiextensions/v1.d.ts';
import { cloneJson } from '../../../base/clone.ts';
import { errorText } from '../../../base/errors.ts';
import { isNotFound } from '../../../kube/client.ts';
import type { KubeObject, Stored } from '../../../kube/object.ts';
import type { Strategy } from '../kinds/kind.ts';
import { SYSTEM_USER, type Caller } from '../rest/caller.ts';
import { deleteObject } from '../rest/delete.ts';
import { timestamp, type RestDeps, type WriteHooks } from '../rest/deps.ts';
import { updateObject } from '../rest/update.ts';
import { CelRules } from './cel.ts';
import { customKinds } from './kinds.ts';
import { validateDefinition } from './validate-definition.ts';

export const DEFINITIONS = 'apiextensions.k8s.io/customresourcedefinitions';
const CLEANUP = 'customresourcecleanup.apiextensions.k8s.io';
const CALLER: Caller = { user: SYSTEM_USER, fieldManager: 'kube-apiserver', fieldValidation: 'Ignore', dryRun: false, warnings: [] };

/** Rules for the objects themselves. @param default_ what every definition gets by default */
export function definitionStrategy(deps: () => RestDeps): Strategy {
  return {
    prepareCreate(object) {
      const definition = object as CustomResourceDefinition & KubeObject;
      (definition.metadata ??= {}).finalizers = [...new Set([...(definition.metadata.finalizers ?? []), CLEANUP])];
      Object.assign(definition, { status: statusOf(deps(), definition, undefined) });
    },
    prepareUpdate(object, old) {
      Object.assign(object, { status: statusOf(deps(), object as CustomResourceDefinition, old as CustomResourceDefinition) });
    },
    validate: (object) => validateDefinition(object as CustomResourceDefinition),
    validateUpdate: (object, old) => validateDefinition(object as CustomResourceDefinition, old as CustomResourceDefinition),
  };
}

/** Keeps the registry of kinds equal to the stored definitions. */
export function definitionHooks(deps: () => RestDeps, rules: CelRules): WriteHooks & { loadAll(): void } {
  const serve = (definition: CustomResourceDefinition) => {
    const collection = collectionOf(definition);
    const isEstablished = definition.status?.conditions?.some((c) => c.type === 'Established' && c.status === 'True') ?? false;
    deps().kinds.replace((kind) => kind.isCustom && kind.collection === collection, isEstablished ? customKinds(definition, rules) : []);
  };
  return {
    changed(object, old) {
      const definition = object as unknown as CustomResourceDefinition | undefined;
      if (definition) serve(definition);
      else if (old) deps().kinds.replace((kind) => kind.isCustom && kind.collection === collectionOf(old as unknown as CustomResourceDefinition), []);
      if (definition?.metadata?.deletionTimestamp && !old?.metadata.deletionTimestamp) {
        cleanUp(deps(), definition).catch((error: unknown) => deps().log.error('cannot delete the objects of a definition', { name: definition.metadata?.name, error: errorText(error) }));
      }
    },
    loadAll() {
      for (const { object } of deps().store.entries(DEFINITIONS)) serve(object as unknown as CustomResourceDefinition);
    },
  };
}

const collectionOf = ({ spec }: CustomResourceDefinition) => `${spec.group}/${spec.names.plural}`;

/** A definition is in force at once; only a clash of names with another one keeps it out. */
function statusOf(deps: RestDeps, definition: CustomResourceDefinition, old: CustomResourceDefinition | undefined): CustomResourceDefinition['status'] {
  const { spec } = definition;
  const clash = deps.kinds.all().find((kind) => kind.resource.group === spec.group && `${spec.group}/${spec.names.plural}` !== kind.collection
    && (kind.resource.kind === spec.names.kind || kind.singular === spec.names.singular || kind.shortNames.some((name) => spec.names.shortNames?.includes(name))));
  const now = timestamp(deps.clock.now());
  const condition = (type: string, isTrue: boolean, [reason, message]: readonly [string, string]): CustomResourceDefinitionCondition => {
    const status = isTrue ? 'True' : 'False';
    const before = old?.status?.conditions?.find((c) => c.type === type);
    return { lastTransitionTime: before?.status === status ? before.lastTransitionTime : now, message, reason, status, type };
  };
  const storage = spec.versions.find((version) => version.storage)?.name;
  return {
    acceptedNames: clash ? (old?.status?.acceptedNames ?? { kind: '', plural: '' }) : spec.names,
    conditions: clash ? [
      condition('NamesAccepted', false, ['KindConflict', `${JSON.stringify(spec.names.kind)} is already in use`]),
      condition('Established', false, ['NotAccepted', 'not all names are accepted']),
    ] : [
      condition('NamesAccepted', true, ['NoConflicts', 'no conflicts found']),
      condition('Established', true, ['InitialNamesAccepted', 'the initial names have been accepted']),
    ],
    storedVersions: [...new Set([...(old?.status?.storedVersions ?? []), ...(storage ? [storage] : [])])],
  };
}

/** Deletes all objects of a definition that is being deleted, waits for their finalizers, then lets the definition go. */
async function cleanUp(deps: RestDeps, definition: CustomResourceDefinition): Promise<void> {
  const collection = collectionOf(definition);
  const kind = deps.kinds.all().find((k) => k.isCustom && k.collection === collection);
  if (kind) {
    const objects = [...deps.store.entries(collection)].map(({ object }) => object);
    await Promise.all(objects.map((object) => deleteObject(deps, { kind, namespace: namespaceOf(object), name: object.metadata.name, options: {} }, CALLER).catch(ignoreNotFound)));
  }
  await emptied(deps, collection);
  const definitions = deps.kinds.find('apiextensions.k8s.io', 'v1', 'customresourcedefinitions');
  if (!definitions) return;
  await updateObject(deps, { kind: definitions, name: definition.metadata?.name ?? '' }, (old) => {
    const draft = cloneJson(old);
    draft.metadata.finalizers = draft.metadata.finalizers?.filter((f: string) => f !== CLEANUP);
    return draft;
  }, { caller: CALLER }).catch(ignoreNotFound);
}

const namespaceOf = (object: Stored): string | undefined => (object.metadata as { namespace?: string }).namespace;

function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

function emptied({ store }: RestDeps, collection: string): Promise<void> {
  if (store.size(collection) === 0) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = store.listen(collection, () => {
      if (store.size(collection) > 0) return;
      stop();
      resolve();
    });
  });
}
