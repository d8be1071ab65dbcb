/** Reads HTTP/1 answers out of bytes, so that nothing between the test and the proxy repairs either. */
export interface Answer {
  /** 0 when the connection ended without an answer. */
  status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  readonly trailers: readonly (readonly [name: string, value: string])[];
  /** Statuses 1xx that came before. */
  readonly interim: readonly number[];
  readonly isWhole: boolean;
  /** Bytes after the answer: the next one on the connection. */
  readonly rest: string;
}

const NONE: Answer = { status: 0, headers: [], body: '', trailers: [], interim: [], isWhole: false, rest: '' };

/** @param method of the request: an answer to HEAD has no body */
export function parseAnswer(text: string, method = 'GET'): Answer {
  const interim: number[] = [];
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return { ...NONE, interim };
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n');
    const status = Number(first.split(' ')[1] ?? 0);
    rest = rest.slice(end + 4);
    if (status >= 100 && status < 200 && status !== 101) {
      interim.push(status);
      continue;
    }
    return { ...NONE, status, headers: lines.map(field), interim, ...readBody(rest, lines.map(field), { status, method }) };
  }
}

function field(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

function readBody(text: string, headers: readonly (readonly [string, string])[], of: { status: number; method: string }): Pick<Answer, 'body' | 'trailers' | 'isWhole' | 'rest'> {
  const get = (name: string) => headers.find(([key]) => key.toLowerCase() === name)?.[1];
  if (of.method === 'HEAD' || of.status === 204 || of.status === 304) return { body: '', trailers: [], isWhole: true, rest: text };
  if (of.status === 101 || (of.method === 'CONNECT' && of.status === 200)) return { body: text, trailers: [], isWhole: true, rest: '' };
  if (get('transfer-encoding') === 'chunked') return dechunk(text);
  const length = get('content-length');
  if (length === undefined) return { body: text, trailers: [], isWhole: false, rest: '' };
  return { body: text.slice(0, Number(length)), trailers: [], isWhole: text.length >= Number(length), rest: text.slice(Number(length)) };
}

function dechunk(text: string): Pick<Answer, 'body' | 'trailers' | 'isWhole' | 'rest'> {
  let rest = text;
  let body = '';
  for (;;) {
    const line = rest.indexOf('\r\n');
    const size = Number.parseInt(rest.slice(0, line), 16);
    if (line < 0 || Number.isNaN(size)) return { body, trailers: [], isWhole: false, rest: '' };
    rest = rest.slice(line + 2);
    if (size === 0) break;
    body += rest.slice(0, size);
    if (rest.length < size + 2) return { body, trailers: [], isWhole: false, rest: '' };
    rest = rest.slice(size + 2);
  }
  const end = rest.startsWith('\r\n') ? 0 : rest.indexOf('\r\n\r\n');
  if (end < 0) return { body, trailers: [], isWhole: false, rest: '' };
  return { body, trailers: end === 0 ? [] : rest.slice(0, end).split('\r\n').map(field), isWhole: true, rest: rest.slice(end === 0 ? 2 : end + 4) };
}
