/** The objects of the guide that people learn a mesh from, as it gives them, read out of its text. */
import { readFileSync } from 'node:fs';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { SHARED } from './harness.ts';

export interface GuideBlock {
  language: string;
  /** As in the guide, without the indentation of the block itself. */
  text: string;
}

export function readGuide(): GuideBlock[] {
  const file = globSync(join(SHARED, 'guide/*.md'))[0];
  if (file === undefined) throw new Error(`no guide under ${SHARED}/guide`);
  return [...readFileSync(file, 'utf8').matchAll(/^( *)```(\w+)\n([\s\S]*?)^ *```/gm)].map(([, indent = '', language = '', text = '']) => ({
    language,
    text: text.split('\n').map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line)).join('\n'),
  }));
}

/** The one block that contains `marker`. */
export function guideBlock(marker: string): string {
  const found = readGuide().filter((block) => block.text.includes(marker));
  if (found.length === 0) throw new Error(`the guide has no block with "${marker}"`);
  return found[0]?.text ?? '';
}
