/** Byte strings out of the suite of Node's parser, as its Markdown files write them down: a line end stands for CRLF, the rest is escaped. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const LLHTTP_SUITE = '../shared/data/suites/http1';

export interface SuiteCase {
  readonly name: string;
  readonly bytes: Buffer;
}

export function llhttpCases(kind: 'request' | 'response'): SuiteCase[] {
  const folder = join(LLHTTP_SUITE, kind);
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((file) => file.endsWith('.md')).flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    return [...text.matchAll(/```http\n([\s\S]*?)\n```/g)].map((match, i) => ({ name: `${kind}/${file} ${i + 1}`, bytes: unescape(match[1] ?? '') }));
  });
}

function unescape(text: string): Buffer {
  const joined = text.replaceAll(/\\\n/g, '').replaceAll('\n', '\r\n');
  const plain = joined.replaceAll(/\\(r|n|t|f|x[0-9a-fA-F]{2}|\\)/g, (_, code: string) => {
    if (code.startsWith('x')) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return { r: '\r', n: '\n', t: '\t', f: '\f' }[code] ?? '\\';
  });
  return Buffer.from(plain, 'latin1');
}
