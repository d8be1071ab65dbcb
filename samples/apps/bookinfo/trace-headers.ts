/** Request headers that an app in a mesh hands on with its own calls, so that the sidecars' spans join into one trace and
 * routing by user works past the first hop. */
import type { IncomingHttpHeaders } from 'node:http';

const NAMES = [
  'x-request-id', 'traceparent', 'tracestate', 'b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-parentspanid', 'x-b3-sampled', 'x-b3-flags',
  'x-ot-span-context', 'x-cloud-trace-context', 'grpc-trace-bin', 'x-datadog-trace-id', 'x-datadog-parent-id', 'x-datadog-sampling-priority', 'sw8',
  'end-user', 'user-agent', 'authorization',
] as const;

export function traceHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const forwarded: Record<string, string> = {};
  for (const name of NAMES) {
    const value = headers[name];
    if (typeof value === 'string') forwarded[name] = value;
  }
  return forwarded;
}
