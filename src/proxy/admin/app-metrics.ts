/** The application's own metrics, fetched for the merged page of port 15020. */
import { request } from 'node:http';
import type { AppMetrics } from '../bootstrap/settings.ts';

const MAX_BYTES = 10 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 10_000;

/** @throws when the application does not answer with 200 in time, or with more than 10 MiB */
export function fetchAppMetrics(target: AppMetrics, scrapeTimeoutSeconds: string | undefined): Promise<string> {
  const timeoutMs = Number(scrapeTimeoutSeconds) > 0 ? Number(scrapeTimeoutSeconds) * 1000 : DEFAULT_TIMEOUT_MS;
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port: target.port, path: target.path, timeout: timeoutMs, headers: { accept: 'text/plain;version=0.0.4', connection: 'close' } }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_BYTES) call.destroy(new Error(`the application's metrics are larger than ${MAX_BYTES} bytes`));
        else chunks.push(chunk);
      });
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode !== 200) return reject(new Error(`the application answered ${response.statusCode}`));
        const body = Buffer.concat(chunks).toString('utf8');
        resolve(body === '' || body.endsWith('\n') ? body : `${body}\n`);
      });
    });
    call.once('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    call.once('error', reject);
    call.end();
  });
}
