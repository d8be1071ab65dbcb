/** What the agent asks of Envoy's administration interface. */
import { request } from 'node:http';

export interface EnvoyAdmin {
  /** @throws when Envoy does not answer with 200 */
  get(path: string): Promise<string>;
  post(path: string): Promise<string>;
  /** Values of statistics by name. */
  stats(filter: string): Promise<Map<string, number>>;
}

const TIMEOUT_MS = 5000;
const MAX_BYTES = 64 * 1024 * 1024;

export function createEnvoyAdmin(port: number): EnvoyAdmin {
  const call = (method: string, path: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const out = request({ host: '127.0.0.1', port, path, method, timeout: TIMEOUT_MS, headers: { connection: 'close' } }, (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > MAX_BYTES) out.destroy(new Error(`${path} is larger than ${MAX_BYTES} bytes`));
          else chunks.push(chunk);
        });
        response.once('error', reject);
        response.once('end', () => {
          const body = Buffer.concat(chunks).toString('utf8');
          if (response.statusCode === 200) resolve(body);
          else reject(new Error(`Envoy answered ${response.statusCode} ${body.trim().slice(0, 200)}`));
        });
      });
      out.once('timeout', () => out.destroy(new Error(`Envoy did not answer within ${TIMEOUT_MS} ms`)));
      out.once('error', reject);
      out.end();
    });
  return {
    get: (path) => call('GET', path),
    post: (path) => call('POST', path),
    async stats(filter) {
      const body = await call('GET', `/stats?filter=${encodeURIComponent(filter)}`);
      return new Map(body.split('\n').flatMap((line) => {
        const colon = line.lastIndexOf(': ');
        const value = Number(line.slice(colon + 2));
        return colon > 0 && Number.isFinite(value) ? [[line.slice(0, colon), value] as const] : [];
      }));
    },
  };
}
