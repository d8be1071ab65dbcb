import type { AccessLogFilterSchema } from '../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.js';
import type { LocalReplyConfigSchema, ResponseMapperSchema } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { Delivery, DELIVERY_HEADER, IDEMPOTENT_METHODS } from '../../xds/delivery.ts';
import type { Init } from './message.ts';

type FilterInit = Init<typeof AccessLogFilterSchema>;

/** Nothing was connected to. A last try that found nobody is the first one, or came after one that the application refused: see
 * the routes of the inbound listener. */
const NEVER_SENT = ['UF', 'UH', 'NC'];
/** The application had the request, or part of it. */
const BROKEN = ['UC', 'UR', 'LR', 'UPE'];

/** What the sidecar of a workload adds to the answers that it makes itself, for the sidecar of the caller. */
export function deliveryReplies(): Init<typeof LocalReplyConfigSchema> {
  const idempotent: FilterInit = {
    filterSpecifier: {
      case: 'headerFilter',
      value: { header: { name: ':method', headerMatchSpecifier: { case: 'stringMatch', value: { matchPattern: { case: 'safeRegex', value: { regex: IDEMPOTENT_METHODS.join('|') } } } } } },
    },
  };
  return {
    mappers: [
      mapper(flagged(NEVER_SENT), Delivery.None),
      mapper({ filterSpecifier: { case: 'andFilter', value: { filters: [flagged(BROKEN), idempotent] } } }, Delivery.Repeatable),
      mapper(flagged(BROKEN), Delivery.Possible),
    ],
  };
}

const flagged = (flags: string[]): FilterInit => ({ filterSpecifier: { case: 'responseFlagFilter', value: { flags } } });

const mapper = (filter: FilterInit, value: string): Init<typeof ResponseMapperSchema> => ({ filter, headersToAdd: [{ header: { key: DELIVERY_HEADER, value } }] });

/** For the routes of callers, whose applications it does not concern: applied after the decision to try again. For those of workloads,
 * whose applications do not decide it: applied before a local reply gets its headers. */
export const hidesDelivery = { responseHeadersToRemove: [DELIVERY_HEADER] };
