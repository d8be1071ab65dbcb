/** Descriptors of a request, by which rate limits tell requests apart. Envoy: `config.route.v3.RateLimit`. */
import type { RateLimit, RateLimit_Action } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { ConfigError } from '../errors.ts';
import { compileHeaderMatcher, compileQueryMatcher } from './header-match.ts';
import { headerOf, type RequestView } from './request-view.ts';

/** What descriptors are made of. */
export interface Described {
  readonly request: RequestView;
  readonly clientAddress: string;
  readonly destination: { readonly cluster: string } | undefined;
}

export interface RateLimitRule {
  readonly stage: number;
  /** As `descriptorText` writes it; undefined when an action has nothing to say of the request. */
  describe(of: Described): string | undefined;
}

type Entry = readonly [key: string, value: string];

/** Equal for equal descriptors: the order of entries counts. */
export const descriptorText = (entries: readonly Entry[]): string => JSON.stringify(entries);

/** 'skip': says nothing, and the others still count. */
type Action = (of: Described) => Entry | 'skip' | undefined;

export function compileRateLimits(messages: readonly RateLimit[]): RateLimitRule[] {
  return messages.map((message) => {
    if (message.limit) throw new ConfigError('rate_limits: limit is not supported');
    const actions = message.actions.map(compileAction);
    return { stage: message.stage ?? 0, describe: (of) => describe(actions, of) };
  });
}

function describe(actions: readonly Action[], of: Described): string | undefined {
  const entries: Entry[] = [];
  for (const action of actions) {
    const entry = action(of);
    if (entry === undefined) return undefined;
    if (entry !== 'skip') entries.push(entry);
  }
  return descriptorText(entries);
}

function compileAction({ actionSpecifier: action }: RateLimit_Action): Action {
  switch (action.case) {
    case 'remoteAddress':
      return ({ clientAddress }) => (clientAddress === '' ? undefined : ['remote_address', clientAddress]);
    case 'destinationCluster':
      return ({ destination }) => destination && ['destination_cluster', destination.cluster];
    case 'genericKey': {
      const entry: Entry = [action.value.descriptorKey || 'generic_key', action.value.descriptorValue];
      return () => entry;
    }
    case 'requestHeaders': {
      const { headerName, descriptorKey, skipIfAbsent } = action.value;
      const name = headerName.toLowerCase();
      return ({ request }) => {
        const value = headerOf(request, name);
        return value === undefined ? (skipIfAbsent ? 'skip' : undefined) : [descriptorKey, value];
      };
    }
    case 'headerValueMatch': {
      const { descriptorKey, descriptorValue, expectMatch = true, headers } = action.value;
      const matchers = headers.map(compileHeaderMatcher);
      const entry: Entry = [descriptorKey || 'header_match', descriptorValue];
      return ({ request }) => (matchers.every((matches) => matches(request)) === expectMatch ? entry : undefined);
    }
    case 'queryParameterValueMatch': {
      const { descriptorKey, descriptorValue, expectMatch = true, queryParameters } = action.value;
      const matchers = queryParameters.map(compileQueryMatcher);
      const entry: Entry = [descriptorKey || 'query_match', descriptorValue];
      return ({ request }) => (matchers.every((matches) => matches(request)) === expectMatch ? entry : undefined);
    }
    default:
      throw new ConfigError(`rate_limits: action ${action.case ?? '(none)'} is not supported`);
  }
}
