/** What an EnvoyFilter says, one patch at a time. */
import type { ConfigPatch, EnvoyFilter, EnvoyFilterMatch } from '../../api/envoy-filter.ts';
import type { Issue } from '../../api/issue.ts';
import type { Stored } from '../../kube/object.ts';
import { create, type Registry } from '@bufbuild/protobuf';
import { messageTypes } from '../../xds/message-types.ts';
import { originOf, type Origin } from '../registry/origin.ts';
import { mergeJson, type Problem, type Written } from './json-merge.ts';

export type Place = Exclude<NonNullable<ConfigPatch['applyTo']>, 'INVALID'>;
export type Operation = 'MERGE' | 'ADD' | 'REMOVE' | 'INSERT_BEFORE' | 'INSERT_AFTER' | 'INSERT_FIRST' | 'REPLACE';
export type Situation = 'SIDECAR_INBOUND' | 'SIDECAR_OUTBOUND' | 'GATEWAY';

export interface Patch {
  readonly origin: Origin;
  /** `spec.configPatches[0]` */
  readonly path: string;
  readonly place: Place;
  readonly operation: Operation;
  /** What becomes of lists that a MERGE names. */
  readonly lists: 'append' | 'replace';
  readonly context: 'ANY' | Situation | 'WAYPOINT';
  readonly match: EnvoyFilterMatch;
  /** JSON of the message. */
  readonly value: unknown;
  /** What of the configuration it writes. */
  readonly written: readonly Written[];
  /** What of it only Envoy can read. */
  readonly unread: readonly Problem[];
}

/** By place: the message whose JSON the value is. */
export const MESSAGE: Readonly<Record<Place, string>> = {
  LISTENER: 'envoy.config.listener.v3.Listener',
  LISTENER_FILTER: 'envoy.config.listener.v3.ListenerFilter',
  FILTER_CHAIN: 'envoy.config.listener.v3.FilterChain',
  NETWORK_FILTER: 'envoy.config.listener.v3.Filter',
  HTTP_FILTER: 'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter',
  ROUTE_CONFIGURATION: 'envoy.config.route.v3.RouteConfiguration',
  VIRTUAL_HOST: 'envoy.config.route.v3.VirtualHost',
  HTTP_ROUTE: 'envoy.config.route.v3.Route',
  CLUSTER: 'envoy.config.cluster.v3.Cluster',
  EXTENSION_CONFIG: 'envoy.config.core.v3.TypedExtensionConfig',
  BOOTSTRAP: 'envoy.config.bootstrap.v3.Bootstrap',
};

const INSERT: readonly Operation[] = ['INSERT_BEFORE', 'INSERT_AFTER', 'INSERT_FIRST'];
const OPERATIONS: Readonly<Record<Place, readonly Operation[]>> = {
  LISTENER: ['MERGE', 'ADD', 'REMOVE'],
  LISTENER_FILTER: ['MERGE', 'ADD', 'REMOVE', 'REPLACE', ...INSERT],
  FILTER_CHAIN: ['MERGE', 'ADD', 'REMOVE'],
  NETWORK_FILTER: ['MERGE', 'ADD', 'REMOVE', 'REPLACE', ...INSERT],
  HTTP_FILTER: ['MERGE', 'ADD', 'REMOVE', 'REPLACE', ...INSERT],
  ROUTE_CONFIGURATION: ['MERGE'],
  VIRTUAL_HOST: ['MERGE', 'ADD', 'REMOVE', 'REPLACE'],
  HTTP_ROUTE: ['MERGE', 'ADD', 'REMOVE', ...INSERT],
  CLUSTER: ['MERGE', 'ADD', 'REMOVE'],
  EXTENSION_CONFIG: ['ADD'],
  BOOTSTRAP: ['MERGE'],
};

/** A patch, or a part of one, that has no effect, whatever proxies there are. */
export interface Ineffective {
  readonly path: string;
  readonly why: string;
}

export interface ReadPatches {
  readonly patches: readonly Patch[];
  readonly ineffective: readonly Ineffective[];
}

/** The patches of an object that has been found valid. */
export function readPatches(object: Stored<EnvoyFilter>): ReadPatches {
  const origin = originOf('EnvoyFilter', object.metadata);
  const ineffective: Ineffective[] = [];
  const patches = (object.spec?.configPatches ?? []).flatMap((patch, i): Patch[] => {
    const path = `spec.configPatches[${i}]`;
    const read = readPatch(patch, origin, path);
    if ('why' in read) ineffective.push(read);
    return 'why' in read ? [] : [read];
  });
  return { patches, ineffective };
}

function readPatch({ applyTo, match = {}, patch = {} }: ConfigPatch, origin: Origin, path: string): Patch | Ineffective {
  const { operation: asked = 'INVALID', value } = patch;
  const operation = asked === 'MERGE_AND_REPLACE_LIST' ? 'MERGE' : asked;
  const context = match.context ?? 'ANY';
  if (applyTo === undefined || applyTo === 'INVALID' || operation === 'INVALID') return { path, why: 'says neither where nor what' };
  if (context === 'WAYPOINT') return { path: `${path}.match.context`, why: 'there are no waypoints: choose sidecars or gateways' };
  if (!OPERATIONS[applyTo].includes(operation)) return { path: `${path}.patch.operation`, why: `${asked} means nothing for ${applyTo}, which takes ${OPERATIONS[applyTo].join(', ')}` };
  if (applyTo === 'BOOTSTRAP' && match.proxy !== undefined) return { path: `${path}.match.proxy`, why: 'a pod has no proxy yet when its bootstrap is made: choose pods by workloadSelector. The patch is left out' };
  const written: Written[] = [];
  const unread: Problem[] = [];
  if (operation !== 'REMOVE') tryValue(applyTo, value, { path: `${path}.patch.value`, wrote: (w) => void written.push(w), problem: (problem) => void unread.push(problem) });
  return { origin, path, place: applyTo, operation, lists: asked === 'MERGE_AND_REPLACE_LIST' ? 'replace' : 'append', context, match, value, written, unread };
}

function tryValue(place: Place, value: unknown, by: { path: string; wrote?(written: Written): void; problem(problem: Problem): void }): void {
  const types = messageTypes();
  const desc = typeOf(MESSAGE[place], types);
  mergeJson(desc, create(desc), value, { ...by, types, lists: 'append' });
}

/** What is wrong with the value of a patch. What only a newer Envoy may know is passed on to it, with a warning. */
export function checkPatchValue(applyTo: string, value: unknown, path: string): Issue[] {
  if (!isPlace(applyTo)) return [];
  const issues: Issue[] = [];
  tryValue(applyTo, value, { path, problem: (problem) => void issues.push({ severity: problem.isPassed ? 'warning' : 'error', path: problem.path, message: problem.isPassed ? `${problem.message}; it is passed on to Envoy as it is` : problem.message }) });
  return issues;
}

const isPlace = (text: string): text is Place => Object.hasOwn(MESSAGE, text);

export function typeOf(name: string, types: Registry) {
  const desc = types.getMessage(name);
  if (!desc) throw new Error(`message type ${name} is not among those that were built`);
  return desc;
}
