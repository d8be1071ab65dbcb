/** grpc.health.v1.Health/Check over cleartext HTTP/2, by hand: one request of two fields does not need a gRPC library. */
import { connect } from 'node:http2';
import type { ActionResult } from './probe-actions.ts';

const SERVING = 1;

export function checkGrpcHealth(at: { host: string; port: number; service: string }, timeoutMs: number): Promise<ActionResult> {
  return new Promise((resolve) => {
    const session = connect(`http://${at.host}:${at.port}`);
    const finish = (result: ActionResult): void => {
      clearTimeout(timer);
      session.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => finish({ ok: false, message: `timeout: failed to connect service "${at.host}:${at.port}" within ${timeoutMs / 1000}s: context deadline exceeded` }), timeoutMs);
    session.once('error', (error) => finish({ ok: false, message: error.message }));
    const call = session.request({
      ':method': 'POST', ':path': '/grpc.health.v1.Health/Check', ':authority': `${at.host}:${at.port}`, 'content-type': 'application/grpc', te: 'trailers',
    });
    const body: Buffer[] = [];
    let status = '';
    call.on('data', (chunk: Buffer) => body.push(chunk));
    for (const event of ['response', 'trailers'] as const) {
      call.on(event, (headers: Record<string, unknown>) => {
        status = String(headers['grpc-status'] ?? status);
      });
    }
    call.once('error', (error) => finish({ ok: false, message: error.message }));
    call.once('end', () => finish(judge(Buffer.concat(body), status)));
    call.end(encodeRequest(at.service));
  });
}

/** HealthCheckRequest { string service = 1 } in a gRPC frame. */
function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

/** HealthCheckResponse { ServingStatus status = 1 }. */
function judge(frame: Buffer, status: string): ActionResult {
  if (status !== '0' && status !== '') return { ok: false, message: `error: health rpc failed: code ${status}` };
  const serving = frame.length >= 7 && frame[5] === 0x08 ? frame[6] : 0;
  return serving === SERVING ? { ok: true, message: '' } : { ok: false, message: `service unhealthy (responded with ${serving === 2 ? '"NOT_SERVING"' : '"UNKNOWN"'})` };
}
