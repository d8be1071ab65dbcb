/** Label selectors (text and object form) and field selectors. */
import { labelValueError, qualifiedNameError } from './names.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Requirement {
  key: string;
  op: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'GreaterThan' | 'LessThan';
  values: readonly string[];
}

/** All requirements must hold; an empty list selects everything. */
export type Selector = readonly Requirement[];

export type Parsed<T> = { ok: T } | { error: string };

/** What `metav1.LabelSelector` looks like in objects. */
export interface LabelSelectorObject {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

export function matchesLabels(selector: Selector, labels: Labels | undefined): boolean {
  return selector.every((requirement) => holds(requirement, labels));
}

function holds(requirement: Requirement, labels: Labels | undefined): boolean {
  const value = labels && Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  switch (requirement.op) {
    case 'In': return value !== undefined && requirement.values.includes(value);
    case 'NotIn': return value === undefined || !requirement.values.includes(value);
    case 'Exists': return value !== undefined;
    case 'DoesNotExist': return value === undefined;
    case 'GreaterThan': return value !== undefined && /^-?\d+$/.test(value) && Number(value) > Number(requirement.values[0]);
    case 'LessThan': return value !== undefined && /^-?\d+$/.test(value) && Number(value) < Number(requirement.values[0]);
  }
}

/** The object form. No selector at all selects nothing; an empty one selects everything (Kubernetes: LabelSelectorAsSelector). */
export function matchesLabelSelector(selector: LabelSelectorObject | undefined, labels: Labels | undefined): boolean {
  return selector !== undefined && matchesLabels(selectorOf(selector), labels);
}

export function selectorOf(selector: LabelSelectorObject): Selector {
  const equal = Object.entries(selector.matchLabels ?? {}).map(([key, value]): Requirement => ({ key, op: 'In', values: [value] }));
  // An operator outside the four is refused by validation, before anything is selected with it.
  const rest = (selector.matchExpressions ?? []).map((e): Requirement => ({ key: e.key, op: e.operator as Requirement['op'], values: e.values ?? [] }));
  return [...equal, ...rest];
}

/** `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`: the text form of `-l` and `labelSelector=`. */
export function parseSelector(text: string): Parsed<Selector> {
  const tokens = tokenize(text);
  if ('error' in tokens) return tokens;
  const parser = { tokens: tokens.ok, at: 0 };
  const requirements: Requirement[] = [];
  while (parser.at < parser.tokens.length) {
    const requirement = parseRequirement(parser);
    if ('error' in requirement) return requirement;
    const wrong = requirementError(requirement.ok);
    if (wrong) return { error: wrong };
    requirements.push(requirement.ok);
    const next = parser.tokens[parser.at++];
    if (next === undefined) break;
    if (next !== ',') return { error: `found '${next}', expected: ',' or 'end of string'` };
    if (parser.at >= parser.tokens.length) return { error: "found '', expected: identifier after ','" };
  }
  return { ok: requirements };
}

interface SelectorParser {
  tokens: string[];
  at: number;
}

const SYMBOL = /^(==|!=|=|!|,|\(|\)|>|<)/;
const WORD = /^[^\s=!,()<>]+/;

function tokenize(text: string): Parsed<string[]> {
  const tokens: string[] = [];
  for (let rest = text.trimStart(); rest !== ''; rest = rest.trimStart()) {
    const token = SYMBOL.exec(rest)?.[0] ?? WORD.exec(rest)?.[0];
    if (token === undefined) return { error: `unable to parse requirement: found '${rest}'` };
    tokens.push(token);
    rest = rest.slice(token.length);
  }
  return { ok: tokens };
}

const isWord = (token: string | undefined): token is string => token !== undefined && !SYMBOL.test(token);

function parseRequirement(parser: SelectorParser): Parsed<Requirement> {
  let token = parser.tokens[parser.at++];
  const negated = token === '!';
  if (negated) token = parser.tokens[parser.at++];
  if (!isWord(token)) return { error: `unable to parse requirement: found '${token ?? ''}', expected: !, identifier, or 'end of string'` };
  const key = token;
  const op = parser.tokens[parser.at];
  if (negated) return { ok: { key, op: 'DoesNotExist', values: [] } };
  if (op === undefined || op === ',') return { ok: { key, op: 'Exists', values: [] } };
  parser.at++;
  if (op === '=' || op === '==' || op === '!=') {
    const value = isWord(parser.tokens[parser.at]) ? (parser.tokens[parser.at++] ?? '') : '';
    return { ok: { key, op: op === '!=' ? 'NotIn' : 'In', values: [value] } };
  }
  if (op === '>' || op === '<') return { ok: { key, op: op === '>' ? 'GreaterThan' : 'LessThan', values: [parser.tokens[parser.at++] ?? ''] } };
  if (op === 'in' || op === 'notin') {
    const values = parseValues(parser);
    return 'error' in values ? values : { ok: { key, op: op === 'in' ? 'In' : 'NotIn', values: values.ok } };
  }
  return { error: `unable to parse requirement: found '${op}', expected: in, notin, =, ==, !=, gt, lt` };
}

function parseValues(parser: SelectorParser): Parsed<string[]> {
  const open = parser.tokens[parser.at++];
  if (open !== '(') return { error: `unable to parse requirement: found '${open ?? ''}' expected: '('` };
  const values: string[] = [];
  let expectValue = true;
  for (;;) {
    const token = parser.tokens[parser.at++];
    if (token === undefined) return { error: "unable to parse requirement: found '', expected: ',' or ')'" };
    if (token === ')') {
      if (expectValue) values.push('');
      return { ok: values };
    }
    if (token === ',') {
      if (expectValue) values.push('');
      expectValue = true;
    } else {
      values.push(token);
      expectValue = false;
    }
  }
}

function requirementError(requirement: Requirement): string | undefined {
  const keyError = qualifiedNameError(requirement.key);
  if (keyError) return `unable to parse requirement: <nil>: Invalid value: "${requirement.key}": ${keyError}`;
  if (requirement.op === 'GreaterThan' || requirement.op === 'LessThan') {
    return /^-?\d+$/.test(requirement.values[0] ?? '') ? undefined : `unable to parse requirement: values[0][${requirement.key}]: Invalid value: "${requirement.values[0]}": for 'Gt', 'Lt' operators, the value must be an integer`;
  }
  for (const [i, value] of requirement.values.entries()) {
    const error = labelValueError(value);
    if (error) return `unable to parse requirement: values[${i}][${requirement.key}]: Invalid value: "${value}": ${error}`;
  }
  return undefined;
}

/** The text form, as `kubectl get -o wide` prints selectors: `app=web,tier in (a,b)`. */
export function formatSelector(selector: Selector): string {
  return selector.map(({ key, op, values }) => {
    switch (op) {
      case 'In': return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${[...values].sort().join(',')})`;
      case 'NotIn': return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${[...values].sort().join(',')})`;
      case 'Exists': return key;
      case 'DoesNotExist': return `!${key}`;
      case 'GreaterThan': return `${key}>${values[0]}`;
      case 'LessThan': return `${key}<${values[0]}`;
    }
  }).join(',');
}

export interface FieldRequirement {
  field: string;
  equal: boolean;
  value: string;
}

/** `metadata.name=x,status.phase!=Running`; a backslash takes the next character literally. */
export function parseFieldSelector(text: string): Parsed<FieldRequirement[]> {
  const requirements: FieldRequirement[] = [];
  for (const part of splitTerms(text)) {
    if (part === '') continue;
    const match = /^(.+?)(!=|==|=)(.*)$/s.exec(part);
    if (!match) return { error: `invalid selector: '${text}'; can't understand '${part}'` };
    requirements.push({ field: (match[1] ?? '').trim(), equal: match[2] !== '!=', value: (match[3] ?? '').replaceAll(/\\(.)/gs, '$1') });
  }
  return { ok: requirements };
}

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let term = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? '';
    if (char === '\\') term += char + (text[++i] ?? '');
    else if (char === ',') {
      terms.push(term);
      term = '';
    } else term += char;
  }
  return [...terms, term];
}

export function matchesFields(requirements: readonly FieldRequirement[], fields: (name: string) => string | undefined): boolean {
  return requirements.every(({ field, equal, value }) => ((fields(field) ?? '') === value) === equal);
}
