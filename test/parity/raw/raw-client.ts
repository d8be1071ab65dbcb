/** Sends bytes as they are and reads one HTTP/1.1 answer, so that nothing between the test and the proxy repairs either. */
import { connect } from 'node:net';

export interface RawAnswer {
  /** 0 when the connection ended without an answer. */
  status: number;
  headers: Record<string, string>;
  body: string;
}

export function sendRaw(port: number, request: string, timeoutMs = 8000): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request, 'latin1'));
    let text = '';
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    const finish = () => {
      clearTimeout(timer);
      resolve(parseAnswer(text));
    };
    socket.setEncoding('latin1');
    socket.on('data', (part: string) => {
      text += part;
      if (isWhole(text, request.startsWith('HEAD'))) socket.destroy();
    });
    socket.on('close', finish);
    socket.on('error', (error) => (text === '' && (error as NodeJS.ErrnoException).code !== 'ECONNRESET' ? reject(error) : undefined));
  });
}

/** Interim answers (100 Continue) are skipped. */
export function parseAnswer(whole: string): RawAnswer {
  const text = whole.replace(/^(HTTP\/1\.1 1\d\d [\s\S]*?\r\n\r\n)+/, '');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return { status: 0, headers: {}, body: '' };
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  const raw = text.slice(end + 4);
  return { status: Number(first.split(' ')[1] ?? 0), headers, body: headers['transfer-encoding'] === 'chunked' ? dechunk(raw) : raw };
}

function isWhole(text: string, isBodiless: boolean): boolean {
  const { status, headers, body } = parseAnswer(text);
  if (status === 0 || status === 100) return false;
  if (isBodiless || status === 204 || status === 304) return true;
  if (headers['transfer-encoding'] === 'chunked') return text.endsWith('0\r\n\r\n');
  return headers['content-length'] !== undefined && body.length >= Number(headers['content-length']);
}

function dechunk(raw: string): string {
  let rest = raw;
  let body = '';
  for (;;) {
    const line = rest.indexOf('\r\n');
    const size = Number.parseInt(rest.slice(0, line), 16);
    if (line < 0 || !(size > 0)) return body;
    body += rest.slice(line + 2, line + 2 + size);
    rest = rest.slice(line + 4 + size);
  }
}
