/** Turns a local reply into a response head and body; gRPC clients get a trailers-only response. */
import { Headers } from '../../codec/headers.ts';
import type { HttpOutcome, Outcome } from '../outcome.ts';
import type { HeaderEdits } from '../route/header-edits.ts';
import { isGrpc } from '../route/path-match.ts';
import type { LocalReply } from './filter.ts';
import type { RequestHead, ResponseHead } from '../../codec/stream.ts';

/** Changes some of the answers. Envoy: `ResponseMapper`. */
export interface ReplyMapper {
  applies(outcome: Outcome): boolean;
  readonly status: number | undefined;
  readonly body: Buffer | undefined;
  readonly edits: HeaderEdits | undefined;
}

/** @param soFar what is known of the exchange; only asked for where it matters */
export function mapperFor(reply: LocalReply, mappers: readonly ReplyMapper[], soFar: () => HttpOutcome): ReplyMapper | undefined {
  if (mappers.length === 0) return undefined;
  const outcome = { ...soFar(), responseCode: reply.status };
  return mappers.find((mapper) => mapper.applies(outcome));
}

export const mapped = (reply: LocalReply, mapper: ReplyMapper | undefined): LocalReply =>
  mapper ? { ...reply, status: mapper.status ?? reply.status, body: mapper.body ?? reply.body } : reply;

export interface RenderedReply {
  readonly head: ResponseHead;
  readonly body: Buffer;
}

/** gRPC status for an HTTP status. gRPC over HTTP/2: "HTTP to gRPC Status Code Mapping". */
const GRPC_STATUS: ReadonlyMap<number, number> = new Map([[400, 13], [401, 16], [403, 7], [404, 12], [429, 14], [502, 14], [503, 14], [504, 14]]);

export function renderReply(reply: LocalReply, request: RequestHead): RenderedReply {
  const body = reply.body === undefined ? Buffer.alloc(0) : typeof reply.body === 'string' ? Buffer.from(reply.body, 'utf8') : reply.body;
  const headers = new Headers();
  if (isGrpc(request.headers.get('content-type'))) {
    headers.add('content-type', 'application/grpc');
    headers.add('grpc-status', String(reply.grpcStatus ?? GRPC_STATUS.get(reply.status) ?? 2));
    if (body.length > 0) headers.add('grpc-message', percentEncode(body));
    for (const [name, value] of reply.headers ?? []) headers.set(name, value);
    return { head: { status: 200, headers, bodyLength: 0 }, body: Buffer.alloc(0) };
  }
  if (body.length > 0) {
    headers.add('content-length', String(body.length));
    headers.add('content-type', reply.contentType ?? 'text/plain');
  }
  for (const [name, value] of reply.headers ?? []) headers.set(name, value);
  const empty = body.length === 0 || request.method === 'HEAD';
  return { head: { status: reply.status, headers, bodyLength: empty ? 0 : body.length }, body: empty ? Buffer.alloc(0) : body };
}

/** gRPC over HTTP/2: Status-Message is percent-encoded. */
function percentEncode(body: Buffer): string {
  let text = '';
  for (const byte of body) text += byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return text;
}
