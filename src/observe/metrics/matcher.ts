/** `job="x"`, `code=~"5.."`: which series a selector means. Patterns are RE2 and anchored, as in Prometheus. */
import { RE2JS } from 're2js';
import type { Labels } from './labels.ts';

export const MATCH_OPS = ['=', '!=', '=~', '!~'] as const;
export type MatchOp = (typeof MATCH_OPS)[number];

export interface Matcher {
  readonly name: string;
  readonly op: MatchOp;
  readonly value: string;
  matches(value: string): boolean;
}

/** Answers of a pattern that are remembered, per pattern; past this many it simply runs again. */
const MEMO_LIMIT = 10_000;
const LITERALS = /^[\w\-/ :,]*(\|[\w\-/ :,]*)*$/;

/** @throws SyntaxError-like error of the regular expression engine when `value` is not a pattern */
export function createMatcher(name: string, op: MatchOp, value: string): Matcher {
  if (op === '=') return { name, op, value, matches: (text) => text === value };
  if (op === '!=') return { name, op, value, matches: (text) => text !== value };
  const test = anchored(value);
  return { name, op, value, matches: op === '=~' ? test : (text) => !test(text) };
}

export const matchesAll = (matchers: readonly Matcher[], labels: Labels): boolean => matchers.every((m) => m.matches(labels.get(m.name)));

function anchored(pattern: string): (text: string) => boolean {
  if (pattern === '.*') return () => true;
  if (pattern === '.+') return (text) => text !== '';
  if (LITERALS.test(pattern)) {
    const words = new Set(pattern.split('|'));
    return (text) => words.has(text);
  }
  const compiled = RE2JS.compile(pattern, RE2JS.DOTALL);
  const memo = new Map<string, boolean>();
  return (text) => {
    const known = memo.get(text);
    if (known !== undefined) return known;
    const answer = compiled.matches(text);
    if (memo.size < MEMO_LIMIT) memo.set(text, answer);
    return answer;
  };
}
