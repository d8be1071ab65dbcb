/** Static types: which kind of value an expression gives, and whether its operands fit. */
import type { Expr, ValueType } from './ast.ts';
import { COMPARISONS, SET_OPS } from './ast.ts';
import { parseError } from './errors.ts';
import { signatureOf } from './signatures.ts';

const WORDS: Readonly<Record<ValueType, string>> = { scalar: 'scalar', string: 'string', vector: 'instant vector', matrix: 'range vector' };
const fault = (message: string) => parseError(`parse error: ${message}`);

/** @throws QueryError `bad_data` when an operand has the wrong type */
export function checkTypes(expr: Expr): ValueType {
  switch (expr.t) {
    case 'number':
      return 'scalar';
    case 'string':
      return 'string';
    case 'selector':
      return 'vector';
    case 'range':
      return 'matrix';
    case 'paren':
      return checkTypes(expr.expr);
    case 'negate':
      return checkNegate(checkTypes(expr.expr));
    case 'subquery':
      if (checkTypes(expr.expr) !== 'vector') throw fault(`subquery is only allowed on instant vector, got ${WORDS[checkTypes(expr.expr)]} instead`);
      return 'matrix';
    case 'aggregate':
      return checkAggregate(expr);
    case 'binary':
      return checkBinary(expr);
    case 'call':
      return checkCall(expr);
  }
}

function checkNegate(type: ValueType): ValueType {
  if (type !== 'scalar' && type !== 'vector') throw fault(`unary expression only allowed on expressions of type scalar or instant vector, got "${WORDS[type]}"`);
  return type;
}

function checkAggregate(expr: Extract<Expr, { t: 'aggregate' }>): ValueType {
  const type = checkTypes(expr.expr);
  if (type !== 'vector') throw fault(`expected type instant vector in aggregation expression, got ${WORDS[type]}`);
  if (expr.param) {
    const want = expr.op === 'count_values' ? 'string' : 'scalar';
    const got = checkTypes(expr.param);
    if (got !== want) throw fault(`expected type ${want} in aggregation parameter, got ${WORDS[got]}`);
  }
  return 'vector';
}

function checkBinary(expr: Extract<Expr, { t: 'binary' }>): ValueType {
  const left = checkTypes(expr.left);
  const right = checkTypes(expr.right);
  for (const type of [left, right]) {
    if (type !== 'scalar' && type !== 'vector') throw fault('binary expression must contain only scalar and instant vector types');
  }
  const both = left === 'scalar' && right === 'scalar';
  if (both && COMPARISONS.has(expr.op) && !expr.returnsBool) throw fault('comparisons between scalars must use BOOL modifier');
  if (SET_OPS.has(expr.op) && (left === 'scalar' || right === 'scalar')) throw fault(`set operator "${expr.op}" not allowed in binary scalar expression`);
  if ((left === 'scalar' || right === 'scalar') && (expr.matching.labels.length > 0 || expr.matching.on)) throw fault('vector matching only allowed between instant vectors');
  return both ? 'scalar' : 'vector';
}

function checkCall(expr: Extract<Expr, { t: 'call' }>): ValueType {
  const signature = signatureOf(expr.name);
  if (!signature) throw fault(`unknown function with name "${expr.name}"`);
  const { args: want, optional = 0, variadic = false } = signature;
  const least = want.length - optional - (variadic ? 1 : 0);
  if (expr.args.length < least || (!variadic && expr.args.length > want.length)) {
    const range = variadic ? `at least ${least}` : optional > 0 ? `${least} to ${want.length}` : String(least);
    throw fault(`expected ${range} argument(s) in call to "${expr.name}", got ${expr.args.length}`);
  }
  expr.args.forEach((arg, i) => {
    const type = checkTypes(arg);
    const wanted = want[Math.min(i, want.length - 1)];
    if (wanted !== undefined && type !== wanted) throw fault(`expected type ${WORDS[wanted]} in call to function "${expr.name}", got ${WORDS[type]}`);
  });
  return signature.returns;
}
