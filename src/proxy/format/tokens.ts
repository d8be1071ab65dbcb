/** A format's text in pieces: what stands as it is, and operators. */
import { FORMAT_PARTS } from '../../base/format-operators.ts';
import { compileOperator, type Operator } from './operators.ts';

export type Token = string | Operator;

/** @param unknown gets the operators that do not exist; they tell nothing */
export function tokenize(format: string, unknown: string[]): Token[] {
  const tokens: Token[] = [];
  let literal = '';
  for (const match of format.matchAll(FORMAT_PARTS)) {
    const operator = match[1];
    if (operator === undefined) {
      literal += match[0] === '%%' ? '%' : match[0];
      continue;
    }
    if (literal !== '') tokens.push(literal);
    literal = '';
    const compiled = compileOperator(operator);
    if (!compiled) unknown.push(operator);
    tokens.push(compiled ?? (() => undefined));
  }
  if (literal !== '') tokens.push(literal);
  return tokens;
}
