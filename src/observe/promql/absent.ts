import { Labels, NAME } from '../metrics/labels.ts';
import type { Expr, SelectorExpr } from './ast.ts';

/** The labels that `absent()` can tell from its argument: the selector's single equality matchers. */
export function absentLabels(expr: Expr): Labels {
  const selector = selectorOf(expr);
  if (!selector) return Labels.empty;
  const entries = new Map<string, string>();
  const twice = new Set<string>();
  for (const { name, op, value } of selector.matchers) {
    if (name === NAME) continue;
    if (entries.has(name) || op !== '=') twice.add(name);
    else entries.set(name, value);
  }
  return Labels.from([...entries].filter(([name]) => !twice.has(name)));
}

function selectorOf(expr: Expr): SelectorExpr | undefined {
  if (expr.t === 'selector') return expr;
  if (expr.t === 'range') return expr.selector;
  return expr.t === 'paren' ? selectorOf(expr.expr) : undefined;
}
