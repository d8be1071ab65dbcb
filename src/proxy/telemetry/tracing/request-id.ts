/** The trace decision inside `x-request-id`: the 14th digit after the dashes of a UUID v4 is `4`, or tells why the request is
 * traced. Source: Envoy UuidRequestIdConfig, pack_trace_reason. */
export const TraceReason = { None: '4', Sampled: '9', Forced: 'a', Client: 'b' } as const;
export type TraceReason = (typeof TraceReason)[keyof typeof TraceReason];

const POSITION = 14;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function readReason(requestId: string | undefined): TraceReason | undefined {
  if (requestId === undefined || !UUID.test(requestId)) return undefined;
  const digit = requestId[POSITION]?.toLowerCase();
  return Object.values(TraceReason).find((reason) => reason === digit);
}

/** The id with that reason in it; ids that are not UUIDs stay as they are. */
export function withReason(requestId: string, reason: TraceReason): string {
  return UUID.test(requestId) ? requestId.slice(0, POSITION) + reason + requestId.slice(POSITION + 1) : requestId;
}

/** A number from 0 to 9999 that every hop derives alike from the id. */
export function stableShare(requestId: string | undefined): number | undefined {
  return requestId !== undefined && UUID.test(requestId) ? Number.parseInt(requestId.slice(0, 8), 16) % 10_000 : undefined;
}
