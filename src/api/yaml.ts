/** YAML that people write by hand: reading it, and telling them in which line it goes wrong and what the line needs. */
import { parseAllDocuments, type YAMLParseError } from 'yaml';
import type { KubeObject } from '../kube/object.ts';
import { errorText } from '../base/errors.ts';

export interface ReadObject {
  readonly object: KubeObject;
  /** Line of the file on which the document begins, from 1. */
  readonly line: number;
}

/** The objects of a file, and one text for each document that is not YAML. `List`s are opened. */
export function readObjects(text: string): { objects: ReadObject[]; problems: string[] } {
  const objects: ReadObject[] = [];
  const problems: string[] = [];
  const documents = parseAllDocuments(text);
  for (const document of Array.isArray(documents) ? documents : []) {
    if (document.errors.length > 0) {
      problems.push(explain(text, document.errors[0]));
      continue;
    }
    const line = lineAt(text, document.contents?.range?.[0] ?? 0);
    let value: unknown;
    try {
      value = document.toJS();
    } catch (error) {
      // An alias of nothing, or of too much.
      problems.push(`line ${line}: ${errorText(error)}`);
      continue;
    }
    if (value === null || value === undefined) continue;
    if (typeof value !== 'object' || Array.isArray(value)) problems.push(`line ${line}: an object with apiVersion, kind and metadata is expected, not ${Array.isArray(value) ? 'a list' : JSON.stringify(value)}`);
    else objects.push(...opened(value as KubeObject).map((object) => ({ object, line })));
  }
  return { objects, problems };
}

/** What is wrong with a text that a YAML parser has refused. `error` is the parser's own, for when nothing better is found. */
export function explainYamlError(text: string, error?: unknown): string {
  const documents = parseAllDocuments(text);
  const found = Array.isArray(documents) ? documents.flatMap((document) => document.errors)[0] : undefined;
  return found ? explain(text, found) : error === undefined ? 'the YAML is well-formed' : errorText(error);
}

const opened = (object: KubeObject): KubeObject[] => (object.kind === 'List' && 'items' in object && Array.isArray(object.items) ? (object.items as KubeObject[]) : [object]);

function explain(text: string, error: YAMLParseError | undefined): string {
  const lines = text.split('\n').map(readLine);
  const at = error?.linePos?.[0].line ?? 1;
  const first = error?.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? 'not YAML';
  const main = tabProblem(lines) ?? indentProblem(lines, at) ?? `line ${at}: ${first}`;
  return [main, ...flattenedMappings(lines)].join('\n');
}

interface Line {
  readonly number: number;
  readonly text: string;
  /** Spaces before the first character; a `- ` counts as such for what follows it. */
  readonly indent: number;
  readonly keyIndent: number;
  readonly key: string | undefined;
  readonly hasValue: boolean;
  readonly isItem: boolean;
  readonly isBlank: boolean;
}

function readLine(text: string, index: number): Line {
  const [, spaces = '', dash = '', rest = ''] = /^( *)((?:- +)*)(.*)$/.exec(text) ?? [];
  const [, key, value = ''] = /^("[^"]*"|'[^']*'|[^\s#'"[\]{},&*!|>%@`][^:#]*?)\s*:(?:\s+(.*))?$/.exec(rest) ?? [];
  return {
    number: index + 1,
    text,
    indent: spaces.length,
    keyIndent: spaces.length + dash.length,
    key,
    hasValue: value !== '' && !value.startsWith('#'),
    isItem: dash !== '' || rest === '-',
    isBlank: /^\s*(#.*)?$/.test(text),
  };
}

function tabProblem(lines: readonly Line[]): string | undefined {
  const line = lines.find((candidate) => /^ *\t/.test(candidate.text) && !candidate.isBlank);
  return line && `line ${line.number}: is indented with a tab; YAML allows spaces only, usually 2 for each level`;
}

/** A line that begins deeper than its neighbour although the neighbour is complete, or that fits no level above it. */
function indentProblem(lines: readonly Line[], at: number): string | undefined {
  const culprit = lines.slice(Math.max(0, at - 1)).find((line, index) => !line.isBlank && line.key !== undefined && (index > 0 || isMisfit(lines, line)) && isMisfit(lines, line));
  if (!culprit || culprit.number > at + 2) return undefined;
  const neighbour = previous(lines, culprit);
  if (!neighbour) return undefined;
  const found = `line ${culprit.number}: "${culprit.key}" is indented by ${spaces(culprit.indent)}`;
  const wanted = fittingIndents(lines, culprit);
  const nearest = wanted.reduce((best, indent) => (Math.abs(indent - culprit.indent) < Math.abs(best - culprit.indent) ? indent : best), wanted[0] ?? 0);
  return `${found}, but "${neighbour.key ?? neighbour.text.trim()}" in line ${neighbour.number} begins at ${spaces(neighbour.keyIndent)} and has its value already; indent "${culprit.key}" by ${spaces(nearest)} to stand beside it`;
}

const spaces = (count: number) => `${count} ${count === 1 ? 'space' : 'spaces'}`;
const previous = (lines: readonly Line[], line: Line) => lines.slice(0, line.number - 1).findLast((candidate) => !candidate.isBlank);

function isMisfit(lines: readonly Line[], line: Line): boolean {
  const before = previous(lines, line);
  if (!before || line.isItem) return false;
  return !fittingIndents(lines, line).includes(line.indent) && !(before.key !== undefined && !before.hasValue && line.indent > before.keyIndent);
}

/** Where a key may begin at this place: beside any key above that is still open. */
function fittingIndents(lines: readonly Line[], line: Line): number[] {
  const indents: number[] = [];
  for (const candidate of lines.slice(0, line.number - 1).toReversed()) {
    if (candidate.isBlank || candidate.text.startsWith('---')) continue;
    if (indents.length === 0 || candidate.keyIndent < (indents.at(-1) ?? 0)) indents.push(candidate.keyIndent);
  }
  return indents;
}

/** `metadata:` and `spec:` with nothing in them, followed by what should be in them. */
function flattenedMappings(lines: readonly Line[]): string[] {
  return lines.flatMap((line, index) => {
    if (line.indent !== 0 || line.hasValue || (line.key !== 'metadata' && line.key !== 'spec')) return [];
    const following = lines.slice(index + 1).filter((candidate) => !candidate.isBlank);
    if (following[0]?.indent !== 0 || following[0].isItem || following[0].key === undefined) return [];
    const end = following.findIndex((candidate) => candidate.text.startsWith('---') || (candidate.indent === 0 && ['apiVersion', 'kind', 'metadata', 'spec', 'status'].includes(candidate.key ?? '')));
    const stray = following.slice(0, end < 0 ? undefined : end).filter((candidate) => candidate.indent === 0 && candidate.key !== undefined && !candidate.isItem);
    const names = stray.map((candidate) => candidate.key).join(', ');
    const last = following[(end < 0 ? following.length : end) - 1]?.number ?? line.number;
    const range = stray[0]?.number === last ? `line ${last}` : `lines ${stray[0]?.number} to ${last}`;
    return [`line ${line.number}: "${line.key}:" has nothing in it; ${names} ${stray.length === 1 ? 'belongs' : 'belong'} under it: indent ${range} by 2 more spaces`];
  });
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
