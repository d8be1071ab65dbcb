/** GET of a text, with a deadline and a cap on its size. */
import { type Agent, get, type IncomingMessage } from 'node:http';
import { get as getSecure } from 'node:https';
import { text } from 'node:stream/consumers';
import { Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { MeshError } from '../../base/errors.ts';

export interface FetchedText {
  readonly body: string;
  readonly contentType: string;
}

export interface FetchOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  readonly agent?: Agent;
}

export class ScrapeError extends MeshError<'SCRAPE'> {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super('SCRAPE', message, options);
  }
}

/** @throws ScrapeError for an answer that is not 200 or too large; the socket's own error when there is no answer */
export async function fetchText(url: string, options: FetchOptions): Promise<FetchedText> {
  const response = await request(url, options);
  if (response.statusCode !== 200) {
    response.resume();
    throw new ScrapeError(`server returned HTTP status ${response.statusCode} ${response.statusMessage ?? ''}`.trim());
  }
  const plain = response.headers['content-encoding'] === 'gzip' ? response.pipe(createGunzip()) : response;
  if (plain !== response) response.on('error', (error) => plain.destroy(error));
  const body = await text(plain.pipe(cap(options.maxBytes)).on('error', () => response.destroy()));
  return { body, contentType: response.headers['content-type'] ?? '' };
}

function request(url: string, options: FetchOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const start = url.startsWith('https:') ? getSecure : get;
    const settings = url.startsWith('https:') ? { rejectUnauthorized: false } : { agent: options.agent };
    start(url, { ...settings, headers: options.headers, signal: options.signal }, resolve).on('error', reject);
  });
}

function cap(maxBytes: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > maxBytes) done(new ScrapeError(`the answer is longer than ${maxBytes} bytes`));
      else done(null, chunk);
    },
  });
}
