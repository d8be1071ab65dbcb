/** PromQL after parsing: what the evaluator walks. */
import type { Matcher } from '../metrics/matcher.ts';

/** Where a selector or subquery looks, relative to the moment of evaluation. */
export interface TimeShift {
  readonly offsetMs: number;
  /** The `@` modifier: milliseconds since the epoch, or an end of the query's range. */
  readonly at: number | 'start' | 'end' | undefined;
}

export interface SelectorExpr extends TimeShift {
  readonly t: 'selector';
  readonly matchers: readonly Matcher[];
}

export interface RangeExpr {
  readonly t: 'range';
  readonly selector: SelectorExpr;
  readonly rangeMs: number;
}

export interface SubqueryExpr extends TimeShift {
  readonly t: 'subquery';
  readonly expr: Expr;
  readonly rangeMs: number;
  /** Undefined: the evaluation's default step. */
  readonly stepMs: number | undefined;
}

export const AGGREGATE_OPS = ['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar', 'topk', 'bottomk', 'quantile', 'count_values', 'limitk', 'limit_ratio'] as const;
export type AggregateOp = (typeof AGGREGATE_OPS)[number];

export interface AggregateExpr {
  readonly t: 'aggregate';
  readonly op: AggregateOp;
  readonly expr: Expr;
  /** `k` of topk, the quantile, the label of count_values. */
  readonly param: Expr | undefined;
  readonly grouping: ReadonlySet<string>;
  readonly without: boolean;
}

export const BINARY_OPS = ['+', '-', '*', '/', '%', '^', 'atan2', '==', '!=', '>', '<', '>=', '<=', 'and', 'or', 'unless'] as const;
export type BinaryOp = (typeof BINARY_OPS)[number];
export const COMPARISONS: ReadonlySet<string> = new Set(['==', '!=', '>', '<', '>=', '<=']);
export const SET_OPS: ReadonlySet<string> = new Set(['and', 'or', 'unless']);

export interface VectorMatching {
  readonly on: boolean;
  readonly labels: readonly string[];
  /** `left`: many on the left side (group_left). */
  readonly many: 'left' | 'right' | undefined;
  /** Labels copied from the "one" side. */
  readonly include: readonly string[];
}

export interface BinaryExpr {
  readonly t: 'binary';
  readonly op: BinaryOp;
  readonly left: Expr;
  readonly right: Expr;
  readonly returnsBool: boolean;
  readonly matching: VectorMatching;
}

export interface CallExpr {
  readonly t: 'call';
  readonly name: string;
  readonly args: readonly Expr[];
}

export type Expr =
  | { readonly t: 'number'; readonly value: number }
  | { readonly t: 'string'; readonly value: string }
  | { readonly t: 'paren'; readonly expr: Expr }
  | { readonly t: 'negate'; readonly expr: Expr }
  | SelectorExpr
  | RangeExpr
  | SubqueryExpr
  | AggregateExpr
  | BinaryExpr
  | CallExpr;

export type ValueType = 'scalar' | 'string' | 'vector' | 'matrix';
