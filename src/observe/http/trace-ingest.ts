/** Where spans come in: OTLP over HTTP (protobuf and JSON), and Zipkin's v2 JSON. */
import { errorText } from '../../base/errors.ts';
import { type DecodedSpans, type OtlpTraces, spansOfOtlp } from '../traces/otlp.ts';
import { decodeOtlpProto } from '../traces/otlp-proto.ts';
import type { TraceStore } from '../traces/store.ts';
import { spansOfZipkin } from '../traces/zipkin.ts';
import { type Answer, type Handler, json, plain, type Request } from './answer.ts';

/** `POST /v1/traces`. Spec: OTLP/HTTP: the answer has the request's encoding; refused spans are a partial success. */
export const otlpHandler = (store: TraceStore): Handler => (request) => {
  if (request.path !== '/v1/traces') return plain('404 page not found; traces go to /v1/traces\n', 404);
  if (request.method !== 'POST') return plain('405 method not allowed\n', 405);
  const isJson = (request.headers['content-type'] ?? '').startsWith('application/json');
  const decoded = attempt(() => spansOfOtlp(isJson ? (JSON.parse(request.body.toString('utf8')) as OtlpTraces) : decodeOtlpProto(request.body)));
  if (typeof decoded === 'string') return json({ code: 3, message: `cannot read the trace request: ${decoded}` }, 400);
  store.add(decoded.spans);
  return isJson ? json(decoded.rejected > 0 ? { partialSuccess: { rejectedSpans: String(decoded.rejected), errorMessage: REJECTED } } : {}) : protoAnswer(decoded);
};

const REJECTED = 'spans without a valid trace id and span id were left out';

/** ExportTraceServiceResponse: partial_success = 1 { rejected_spans = 1, error_message = 2 }. */
function protoAnswer({ rejected }: DecodedSpans): Answer {
  const type = 'application/x-protobuf';
  if (rejected === 0) return { status: 200, type, body: Buffer.alloc(0) };
  const message = Buffer.from(REJECTED);
  const count = varint(rejected);
  const inner = Buffer.concat([Buffer.from([0x08]), count, Buffer.from([0x12, message.length]), message]);
  return { status: 200, type, body: Buffer.concat([Buffer.from([0x0a, inner.length]), inner]) };
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** `POST /api/v2/spans`. */
export const zipkinHandler = (store: TraceStore): Handler => (request: Request) => {
  if (request.path === '/health') return json({ status: 'UP' });
  if (request.path !== '/api/v2/spans' || request.method !== 'POST') return plain('404 page not found; spans go to POST /api/v2/spans\n', 404);
  const decoded = attempt(() => spansOfZipkin(JSON.parse(request.body.toString('utf8'))) ?? 'expected a list of spans');
  if (typeof decoded === 'string') return plain(`cannot read the spans: ${decoded}\n`, 400);
  store.add(decoded.spans);
  return { status: 202, type: 'text/plain', body: '' };
};

/** The value, or the text of what was thrown: bytes from outside may be anything. */
function attempt<T>(run: () => T): T | string {
  try {
    return run();
  } catch (error) {
    return errorText(error);
  }
}
