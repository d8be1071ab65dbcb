/** Functions that rewrite or order by labels. */
import { RE2JS } from 're2js';
import { NAME } from '../metrics/labels.ts';
import { type Call, type FunctionTable, stringArg, vector, vectorArg } from './call.ts';
import { executionError } from './errors.ts';
import { requireUnique } from './unique.ts';
import type { Value } from './value.ts';

const LABEL_NAME = /^[a-zA-Z_]\w*$/;

function labelReplace(call: Call): Value {
  const [target, replacement, source, pattern] = [stringArg(call, 1), stringArg(call, 2), stringArg(call, 3), stringArg(call, 4)];
  if (!LABEL_NAME.test(target)) throw executionError(`invalid destination label name in label_replace(): ${target}`);
  const regex = compile(pattern);
  const cache = call.context;
  const samples = vectorArg(call, 0).map((sample) => {
    const labels = cache.derive(call.expr, sample.labels, (old) => {
      const matcher = regex.matcher(old.get(source));
      return matcher.matches() ? old.with([[target, expand(replacement, matcher)]]) : old;
    });
    return { labels, value: sample.value };
  });
  return vector(requireUnique(samples));
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern, RE2JS.DOTALL);
  } catch (error) {
    throw executionError(`invalid regular expression in label_replace(): ${pattern}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

type RegexMatch = ReturnType<RE2JS['matcher']>;

/** Go's `Expand`: `$1`, `${1}`, `$name`; a group that is not there is empty. */
function expand(template: string, match: RegexMatch): string {
  return template.replace(/\$(?:\$|\{(\w+)\}|(\w+))/g, (whole, braced?: string, plain?: string) => {
    const name = braced ?? plain;
    if (name === undefined) return whole === '$$' ? '$' : whole;
    return group(match, name);
  });
}

function group(match: RegexMatch, name: string): string {
  try {
    return match.group(/^\d+$/.test(name) ? Number(name) : name) ?? '';
  } catch {
    // re2js throws for a group that the pattern does not have; Go expands it to nothing.
    return '';
  }
}

function labelJoin(call: Call): Value {
  const [target, separator] = [stringArg(call, 1), stringArg(call, 2)];
  const sources = call.args.slice(3).map((_, i) => stringArg(call, i + 3));
  if (!LABEL_NAME.test(target)) throw executionError(`invalid destination label name in label_join(): ${target}`);
  const samples = vectorArg(call, 0).map((sample) => ({
    labels: call.context.derive(call.expr, sample.labels, (old) => old.with([[target, sources.map((name) => old.get(name)).join(separator)]])),
    value: sample.value,
  }));
  return vector(requireUnique(samples));
}

function sortByLabel(direction: 1 | -1) {
  return (call: Call): Value => {
    const names = call.args.slice(1).map((_, i) => stringArg(call, i + 1));
    const order = [...names, NAME];
    const samples = [...vectorArg(call, 0)].sort((a, b) => {
      for (const name of order) {
        const compared = natural.compare(a.labels.get(name), b.labels.get(name));
        if (compared !== 0) return compared * direction;
      }
      return (a.labels.key < b.labels.key ? -1 : 1) * direction;
    });
    return vector(samples);
  };
}

/** `node2` before `node10`. */
const natural = new Intl.Collator('en', { numeric: true });

export const LABEL_FUNCTIONS: FunctionTable = [
  ['label_replace', labelReplace],
  ['label_join', labelJoin],
  ['sort_by_label', sortByLabel(1)],
  ['sort_by_label_desc', sortByLabel(-1)],
];
