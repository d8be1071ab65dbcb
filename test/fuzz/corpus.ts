/** Inputs that are kept: `NAME/gained.txt` reach what others do not, `NAME/found.txt` were faults once. One input a line, as a JSON string of its bytes (latin1). */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const CORPUS = join(import.meta.dirname, 'corpus');
/** Of one target's lines. */
const MAX_BYTES = 12 * 1024;

const line = (input: Uint8Array): string => JSON.stringify(Buffer.from(input).toString('latin1')).replaceAll(/[\x7f-\xff]/g, (octet) => `\\u00${octet.charCodeAt(0).toString(16)}`);

function read(name: string, file: string): Buffer[] {
  let content: string;
  try {
    content = readFileSync(join(CORPUS, name, file), 'utf8');
  } catch {
    // Nothing was kept yet.
    return [];
  }
  // Our own lines.
  return content.split('\n').filter((text) => text !== '').map((text) => Buffer.from(JSON.parse(text) as string, 'latin1'));
}

export const gainedInputs = (name: string): Buffer[] => read(name, 'gained.txt');
export const foundInputs = (name: string): Buffer[] => read(name, 'found.txt');

/** The shortest come first, and stay when there are too many. */
export function keepGained(name: string, inputs: readonly Uint8Array[]): void {
  const lines = [...new Set(inputs.map(line))].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  const kept: string[] = [];
  let bytes = 0;
  for (const text of lines) if ((bytes += text.length + 1) <= MAX_BYTES) kept.push(text);
  if (kept.length === 0) return;
  mkdirSync(join(CORPUS, name), { recursive: true });
  writeFileSync(join(CORPUS, name, 'gained.txt'), `${kept.join('\n')}\n`);
}

/** @returns the file */
export function keepFound(name: string, input: Uint8Array): string {
  const file = join(CORPUS, name, 'found.txt');
  mkdirSync(join(CORPUS, name), { recursive: true });
  appendFileSync(file, `${line(input)}\n`);
  return file;
}
