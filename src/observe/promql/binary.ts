/** Operators between scalars and vectors, with Prometheus' vector matching. */
import { type Labels, NAME } from '../metrics/labels.ts';
import type { BinaryExpr, BinaryOp } from './ast.ts';
import { COMPARISONS, SET_OPS } from './ast.ts';
import type { QueryContext } from './context.ts';
import { executionError } from './errors.ts';
import { requireUnique } from './unique.ts';
import type { Sample, Value } from './value.ts';

type Operator = (a: number, b: number) => number;

const OPERATORS: Readonly<Partial<Record<BinaryOp, Operator>>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  // JavaScript says NaN for 1 ** NaN and (±1) ** ±Infinity; IEEE 754 and Prometheus say 1.
  '^': (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b),
  atan2: Math.atan2,
  '==': (a, b) => Number(a === b),
  '!=': (a, b) => Number(a !== b),
  '>': (a, b) => Number(a > b),
  '<': (a, b) => Number(a < b),
  '>=': (a, b) => Number(a >= b),
  '<=': (a, b) => Number(a <= b),
};

export function binary(expr: BinaryExpr, left: Value, right: Value, context: QueryContext): Value {
  if (SET_OPS.has(expr.op)) return { t: 'vector', samples: setOperation(expr, samplesOf(left), samplesOf(right), context) };
  const operate = OPERATORS[expr.op];
  if (!operate) throw executionError(`unknown operator ${expr.op}`);
  if (left.t === 'scalar' && right.t === 'scalar') return { t: 'scalar', value: operate(left.value, right.value) };
  if (left.t === 'vector' && right.t === 'vector') return { t: 'vector', samples: new Matching(expr, operate, context).run(left.samples, right.samples) };
  return { t: 'vector', samples: withScalar(expr, operate, left, right) };
}

const samplesOf = (value: Value): readonly Sample[] => (value.t === 'vector' ? value.samples : []);
const isFilter = (expr: BinaryExpr): boolean => COMPARISONS.has(expr.op) && !expr.returnsBool;

function withScalar(expr: BinaryExpr, operate: Operator, left: Value, right: Value): readonly Sample[] {
  const result: Sample[] = [];
  const scalarFirst = left.t === 'scalar';
  const scalar = left.t === 'scalar' ? left.value : right.t === 'scalar' ? right.value : Number.NaN;
  for (const sample of samplesOf(scalarFirst ? right : left)) {
    const value = scalarFirst ? operate(scalar, sample.value) : operate(sample.value, scalar);
    if (!isFilter(expr)) result.push({ labels: sample.labels.bare, value });
    else if (value !== 0) result.push({ labels: sample.labels, value: sample.value });
  }
  return isFilter(expr) ? result : requireUnique(result);
}

function setOperation(expr: BinaryExpr, left: readonly Sample[], right: readonly Sample[], context: QueryContext): readonly Sample[] {
  const keyOf = signatureFunction(expr, context);
  if (expr.op === 'or') {
    const seen = new Set(left.map(keyOf));
    return [...left, ...right.filter((sample) => !seen.has(keyOf(sample)))];
  }
  const other = new Set(right.map(keyOf));
  return left.filter((sample) => other.has(keyOf(sample)) === (expr.op === 'and'));
}

function signatureFunction(expr: BinaryExpr, context: QueryContext): (sample: Sample) => string {
  const names = new Set(expr.matching.labels);
  const keep = expr.matching.on ? (name: string) => names.has(name) : (name: string) => name !== NAME && !names.has(name);
  return (sample) => context.derive(expr, sample.labels, (labels) => labels.filter(keep)).key;
}

class Matching {
  readonly #expr: BinaryExpr;
  readonly #operate: Operator;
  readonly #context: QueryContext;
  readonly #keyOf: (sample: Sample) => string;

  constructor(expr: BinaryExpr, operate: Operator, context: QueryContext) {
    this.#expr = expr;
    this.#operate = operate;
    this.#context = context;
    this.#keyOf = signatureFunction(expr, context);
  }

  run(left: readonly Sample[], right: readonly Sample[]): readonly Sample[] {
    const manyRight = this.#expr.matching.many === 'right';
    const [many, one] = manyRight ? [right, left] : [left, right];
    if (many.length === 0 || one.length === 0) return [];
    const partners = this.#indexOne(one);
    const used = new Map<string, Set<string>>();
    const result: Sample[] = [];
    for (const sample of many) {
      const key = this.#keyOf(sample);
      const partner = partners.get(key);
      if (!partner) continue;
      const [a, b] = manyRight ? [partner, sample] : [sample, partner];
      const computed = this.#operate(a.value, b.value);
      const labels = this.#resultLabels(sample.labels, partner.labels);
      // Before the filter, so that a wrong matching is an error whatever the values are.
      this.#requireFresh(used, key, labels);
      if (isFilter(this.#expr) && computed === 0) continue;
      result.push({ labels, value: isFilter(this.#expr) ? a.value : computed });
    }
    return result;
  }

  #indexOne(one: readonly Sample[]): Map<string, Sample> {
    const partners = new Map<string, Sample>();
    for (const sample of one) {
      const key = this.#keyOf(sample);
      const other = partners.get(key);
      if (other) {
        const group = this.#context.derive(this.#expr, sample.labels, (labels) => labels);
        const side = this.#expr.matching.many === 'right' ? 'left' : 'right';
        throw executionError(
          `found duplicate series for the match group ${group} on the ${side} hand-side of the operation: [${other.labels}, ${sample.labels}];` +
            'many-to-many matching not allowed: matching labels must be unique on one side',
        );
      }
      partners.set(key, sample);
    }
    return partners;
  }

  #resultLabels(many: Labels, one: Labels): Labels {
    const { matching, op, returnsBool } = this.#expr;
    const dropName = returnsBool || !COMPARISONS.has(op);
    const names = new Set(matching.labels);
    let labels = dropName ? many.bare : many;
    if (!matching.many) labels = labels.filter((name) => (matching.on ? names.has(name) : !names.has(name)));
    return matching.include.length === 0 ? labels : labels.with(matching.include.map((name) => [name, one.get(name)]));
  }

  #requireFresh(used: Map<string, Set<string>>, key: string, labels: Labels): void {
    const known = used.get(key);
    if (!known) {
      used.set(key, new Set([labels.key]));
      return;
    }
    if (!this.#expr.matching.many) throw executionError('multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)');
    if (known.has(labels.key)) throw executionError('multiple matches for labels: grouping labels must ensure unique matches');
    known.add(labels.key);
  }
}
