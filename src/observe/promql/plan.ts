/** Which stretch of data every selector of a query needs, so that the store unpacks it once. */
import type { SelectRange } from '../metrics/store.ts';
import type { Expr, SelectorExpr, TimeShift } from './ast.ts';
import type { EngineOptions } from './context.ts';

export interface Selection {
  readonly range: SelectRange;
  /** Inside `[…]`: stale markers mean nothing there. */
  readonly ranged: boolean;
}

interface Span {
  startMs: number;
  endMs: number;
}

export function planSelections(expr: Expr, query: Span & { options: EngineOptions }): Map<SelectorExpr, Selection> {
  const plan = new Map<SelectorExpr, Selection>();
  visit(expr, query);
  return plan;

  function visit(node: Expr, span: Span): void {
    switch (node.t) {
      case 'number':
      case 'string':
        return;
      case 'selector':
        return select(node, span, undefined);
      case 'range':
        return select(node.selector, span, node.rangeMs);
      case 'subquery': {
        const shifted = shiftSpan(span, node, query);
        return visit(node.expr, { startMs: shifted.startMs - node.rangeMs, endMs: shifted.endMs });
      }
      case 'paren':
      case 'negate':
        return visit(node.expr, span);
      case 'aggregate':
        if (node.param) visit(node.param, span);
        return visit(node.expr, span);
      case 'binary':
        visit(node.left, span);
        return visit(node.right, span);
      case 'call':
        for (const arg of node.args) visit(arg, span);
    }
  }

  function select(selector: SelectorExpr, span: Span, rangeMs: number | undefined): void {
    const shifted = shiftSpan(span, selector, query);
    const range = { from: shifted.startMs - (rangeMs ?? query.options.lookbackMs), to: shifted.endMs };
    plan.set(selector, { range, ranged: rangeMs !== undefined });
  }
}

function shiftSpan(span: Span, shift: TimeShift, query: Span): Span {
  if (shift.at === undefined) return { startMs: span.startMs - shift.offsetMs, endMs: span.endMs - shift.offsetMs };
  const fixed = shiftTime(0, shift, query);
  return { startMs: fixed, endMs: fixed };
}

/** The moment a selector looks at when the expression is evaluated at `nowMs`. */
export function shiftTime(nowMs: number, shift: TimeShift, query: Span): number {
  const base = shift.at === undefined ? nowMs : shift.at === 'start' ? query.startMs : shift.at === 'end' ? query.endMs : shift.at;
  return base - shift.offsetMs;
}
