/** PromQL text → Expr: from the official grammar's tree, plus what that grammar leaves to the reader (see `modify`). */
import { NAME } from '../metrics/labels.ts';
import { createMatcher, type MatchOp, type Matcher } from '../metrics/matcher.ts';
import type { AggregateOp, BinaryOp, Expr, SelectorExpr, SubqueryExpr, TimeShift, VectorMatching } from './ast.ts';
import { AGGREGATE_OPS, BINARY_OPS, COMPARISONS, SET_OPS } from './ast.ts';
import { decodeNumber, decodeString } from './literals.ts';
import { Node, parseTree } from './tree.ts';
import { checkTypes } from './types.ts';

/** @throws QueryError `bad_data` with `line:column` */
export function parseQuery(source: string): Expr {
  const expr = build(parseTree(source));
  checkTypes(expr);
  return expr;
}

/** A selector alone, as `match[]` takes it. @throws QueryError */
export function parseSelector(source: string): SelectorExpr {
  const expr = parseQuery(source);
  if (expr.t !== 'selector') throw parseTree(source).fault(`expected a series selector, got ${source}`);
  return expr;
}

type Builder = (node: Node) => Expr;

const BUILDERS = new Map<string, Builder>([
  ['NumberDurationLiteral', (node) => ({ t: 'number', value: numberOf(node) })],
  ['StringLiteral', (node) => ({ t: 'string', value: stringOf(node) })],
  ['ParenExpr', (node) => ({ t: 'paren', expr: build(only(node)) })],
  ['UnaryExpr', buildUnary],
  ['VectorSelector', buildSelector],
  ['MatrixSelector', buildRange],
  ['SubqueryExpr', buildSubquery],
  ['OffsetExpr', buildOffset],
  ['StepInvariantExpr', buildAt],
  ['FunctionCall', buildCall],
  ['AggregateExpr', buildAggregate],
  ['BinaryExpr', buildBinary],
]);

function build(node: Node): Expr {
  const builder = BUILDERS.get(node.name);
  if (!builder) throw node.fault(`${node.text} is not supported`);
  return builder(node);
}

function only(node: Node): Node {
  const child = node.children[0];
  if (!child) throw node.fault('an expression is missing');
  return child;
}

function numberOf(node: Node): number {
  const value = decodeNumber(node.text);
  if (value === undefined) throw node.fault(`${node.text} is not a number or a duration`);
  return value;
}

function stringOf(node: Node): string {
  const value = decodeString(node.text);
  if (value === undefined) throw node.fault(`invalid string literal ${node.text}`);
  return value;
}

function buildUnary(node: Node): Expr {
  const [op, operand] = node.children;
  if (!op || !operand) throw node.fault('an operand is missing');
  const expr = build(operand);
  if (op.text === '+') return expr;
  return expr.t === 'number' ? { t: 'number', value: -expr.value } : { t: 'negate', expr };
}

function buildSelector(node: Node): Expr {
  const matchers: Matcher[] = [];
  const name = node.child('Identifier')?.text;
  if (name !== undefined) matchers.push(createMatcher(NAME, '=', name));
  for (const child of node.child('LabelMatchers')?.children ?? []) matchers.push(buildMatcher(child));
  if (name !== undefined && matchers.filter((m) => m.name === NAME && m.op === '=').length > 1) throw node.fault(`metric name must not be set twice: ${node.text}`);
  if (matchers.every((m) => m.matches(''))) throw node.fault('vector selector must contain at least one non-empty matcher');
  return { t: 'selector', matchers, offsetMs: 0, at: undefined };
}

function buildMatcher(node: Node): Matcher {
  const literal = node.child('StringLiteral');
  if (node.name === 'QuotedLabelName') return createMatcher(NAME, '=', stringOf(literal ?? node));
  const quoted = node.child('QuotedLabelName')?.child('StringLiteral');
  const name = quoted ? stringOf(quoted) : (node.child('LabelName')?.text ?? '');
  const op = node.child('MatchOp')?.text as MatchOp;
  try {
    return createMatcher(name, op, literal ? stringOf(literal) : '');
  } catch (error) {
    throw node.fault(`invalid regular expression ${literal?.text}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function buildRange(node: Node): Expr {
  const rangeMs = durationOf(node.child('DurationExpr') ?? node);
  if (rangeMs <= 0) throw node.fault('duration must be greater than 0');
  return modify(build(only(node)), (selector) => {
    if (selector.t !== 'selector') throw node.fault('ranges only allowed for vector selectors');
    if (selector.offsetMs !== 0 || selector.at !== undefined) throw node.fault('no offset modifiers allowed before range');
    return { t: 'range', selector, rangeMs };
  });
}

function buildSubquery(node: Node): Expr {
  const [range, step] = node.all('DurationExpr');
  const rangeMs = durationOf(range ?? node);
  const stepMs = step ? durationOf(step) : undefined;
  if (rangeMs <= 0 || (stepMs ?? 1) <= 0) throw node.fault('duration must be greater than 0');
  const inner = build(only(node));
  const wrap = (expr: Expr): SubqueryExpr => ({ t: 'subquery', expr, rangeMs, stepMs, offsetMs: 0, at: undefined });
  return inner.t === 'binary' || inner.t === 'negate' ? modify(inner, wrap) : wrap(inner);
}

function buildOffset(node: Node): Expr {
  const offsetMs = durationOf(node.child('OffsetDurationExpr') ?? node);
  return shift(node, (old) => {
    if (old.offsetMs !== 0) throw node.fault('offset may not be set multiple times');
    return { ...old, offsetMs };
  });
}

function buildAt(node: Node): Expr {
  const end = node.child('AtModifierPreprocessors');
  const literal = node.children.at(-1) ?? node;
  const at = end ? (end.text.startsWith('start') ? 'start' : 'end') : numberOf(literal) * 1000;
  if (typeof at === 'number' && !Number.isFinite(at)) throw node.fault('timestamp out of bounds for @ modifier');
  return shift(node, (old) => {
    if (old.at !== undefined) throw node.fault('@ <timestamp> may not be set multiple times');
    return { ...old, at };
  });
}

function shift(node: Node, change: (old: TimeShift) => TimeShift): Expr {
  return modify(build(only(node)), (expr) => {
    if (expr.t === 'range') return { ...expr, selector: { ...expr.selector, ...change(expr.selector) } };
    if (expr.t !== 'selector' && expr.t !== 'subquery') {
      throw node.fault(`${node.name === 'OffsetExpr' ? 'offset' : '@'} modifier must be preceded by an instant vector selector or range vector selector or a subquery`);
    }
    return { ...expr, ...change({ offsetMs: expr.offsetMs, at: expr.at }) };
  });
}

/** The editor's grammar lets a postfix modifier span `a / b`; in PromQL it belongs to the operand right before it. */
function modify(expr: Expr, change: (last: Expr) => Expr): Expr {
  if (expr.t === 'binary') return { ...expr, right: modify(expr.right, change) };
  if (expr.t === 'negate') return { ...expr, expr: modify(expr.expr, change) };
  return change(expr);
}

/** Milliseconds; arithmetic on literals is evaluated (`[5m * 2]`). */
function durationOf(node: Node): number {
  const parts = node.children;
  if (parts.length === 0) return numberOf(node) * 1000;
  if (parts.length === 1) return parts[0]?.name === 'NumberDurationLiteralInDurationContext' ? numberOf(parts[0]) * 1000 : durationOf(parts[0] ?? node);
  if (parts.length === 2 && parts[0] && parts[1]) return parts[0].text === '-' ? -durationOf(parts[1]) : durationOf(parts[1]);
  const [left, op, right] = parts;
  if (!left || !op || !right || !['Add', 'Sub', 'Mul', 'Div', 'Mod', 'Pow'].includes(op.name)) throw node.fault(`duration expression ${node.text} is not supported`);
  return arithmetic(op.text, durationOf(left) / 1000, durationOf(right) / 1000) * 1000;
}

function arithmetic(op: string, a: number, b: number): number {
  if (op === '+') return a + b;
  if (op === '-') return a - b;
  if (op === '*') return a * b;
  if (op === '/') return a / b;
  return op === '%' ? a % b : a ** b;
}

function buildCall(node: Node): Expr {
  const args = (node.child('FunctionCallBody')?.children ?? []).map(build);
  return { t: 'call', name: node.child('FunctionIdentifier')?.text ?? '', args };
}

function buildAggregate(node: Node): Expr {
  const op = node.child('AggregateOp')?.text.toLowerCase() as AggregateOp;
  if (!AGGREGATE_OPS.includes(op)) throw node.fault(`unknown aggregation ${op}`);
  const args = (node.child('FunctionCallBody')?.children ?? []).map(build);
  const takesParam = ['topk', 'bottomk', 'quantile', 'count_values', 'limitk', 'limit_ratio'].includes(op);
  if (args.length !== (takesParam ? 2 : 1)) throw node.fault(`wrong number of arguments for aggregate expression provided, expected ${takesParam ? 2 : 1}, got ${args.length}`);
  const modifier = node.child('AggregateModifier');
  const expr = args.at(-1);
  if (!expr) throw node.fault('no arguments for aggregate expression provided');
  return { t: 'aggregate', op, expr, param: takesParam ? args[0] : undefined, grouping: new Set(groupingOf(modifier)), without: modifier?.child('Without') !== undefined };
}

const groupingOf = (node: Node | undefined): string[] => labelNames(node?.child('GroupingLabels'));

function labelNames(node: Node | undefined): string[] {
  return (node?.children ?? []).map((child) => (child.name === 'QuotedLabelName' ? stringOf(child.child('StringLiteral') ?? child) : child.text));
}

function buildBinary(node: Node): Expr {
  const parts = node.children;
  const [leftNode, opNode] = parts;
  const rightNode = parts.at(-1);
  if (!leftNode || !opNode || !rightNode) throw node.fault('an operand is missing');
  const op = opNode.text.toLowerCase() as BinaryOp;
  if (!BINARY_OPS.includes(op)) throw opNode.fault(`the operator ${opNode.text} is not supported`);
  if (node.child('FillModifier')) throw node.fault('fill modifiers are not supported');
  const returnsBool = node.child('BoolModifier') !== undefined;
  if (returnsBool && !COMPARISONS.has(op)) throw opNode.fault('bool modifier can only be used on comparison operators');
  const matching = buildMatching(node.child('MatchingModifierClause'));
  if (SET_OPS.has(op) && matching.many) throw node.fault(`no grouping allowed for "${op}" operation`);
  const left = build(leftNode);
  const right = build(rightNode);
  // The tokenizer takes the sign into the number, but `^` binds tighter: -1 ^ 2 is -(1 ^ 2).
  if (op === '^' && left.t === 'number' && /^[-+]/.test(leftNode.text)) {
    const power: Expr = { t: 'binary', op, left: { t: 'number', value: Math.abs(left.value) }, right, returnsBool, matching };
    return leftNode.text.startsWith('-') ? { t: 'negate', expr: power } : power;
  }
  return { t: 'binary', op, left, right, returnsBool, matching };
}

function buildMatching(node: Node | undefined): VectorMatching {
  if (!node) return { on: false, labels: [], many: undefined, include: [] };
  const [labels, include] = node.all('GroupingLabels');
  const many = node.child('GroupLeft') ? 'left' : node.child('GroupRight') ? 'right' : undefined;
  const names = labelNames(labels);
  const included = labelNames(include);
  const on = node.child('On') !== undefined;
  const both = included.find((name) => on && names.includes(name));
  if (both !== undefined) throw node.fault(`label "${both}" must not occur in ON and GROUP clause at once`);
  return { on, labels: names, many, include: included };
}
