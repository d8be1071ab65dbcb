/** What every function takes and gives. */
import type { ValueType } from './ast.ts';

export interface Signature {
  readonly args: readonly ValueType[];
  /** How many of the last arguments may be left out. */
  readonly optional?: number;
  /** The last argument may come any number of times. */
  readonly variadic?: boolean;
  readonly returns: ValueType;
}

const overTime: Signature = { args: ['matrix'], returns: 'vector' };
const each: Signature = { args: ['vector'], returns: 'vector' };
const dated: Signature = { args: ['vector'], optional: 1, returns: 'vector' };

const OVER_TIME = `rate irate increase delta idelta deriv changes resets avg_over_time sum_over_time min_over_time max_over_time count_over_time
  last_over_time first_over_time present_over_time stddev_over_time stdvar_over_time mad_over_time absent_over_time
  ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time`;
const EACH = 'abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor ln log10 log2 rad sgn sin sinh sort sort_desc sqrt tan tanh timestamp';
const DATED = 'days_in_month day_of_month day_of_week day_of_year hour minute month year';

const split = (names: string, signature: Signature) => names.split(/\s+/).map((name) => [name, signature] as const);

const SIGNATURES: ReadonlyMap<string, Signature> = new Map<string, Signature>([
  ...split(OVER_TIME, overTime),
  ...split(EACH, each),
  ...split(DATED, dated),
  ['clamp', { args: ['vector', 'scalar', 'scalar'], returns: 'vector' }],
  ['clamp_max', { args: ['vector', 'scalar'], returns: 'vector' }],
  ['clamp_min', { args: ['vector', 'scalar'], returns: 'vector' }],
  ['round', { args: ['vector', 'scalar'], optional: 1, returns: 'vector' }],
  ['histogram_quantile', { args: ['scalar', 'vector'], returns: 'vector' }],
  ['histogram_fraction', { args: ['scalar', 'scalar', 'vector'], returns: 'vector' }],
  ['label_replace', { args: ['vector', 'string', 'string', 'string', 'string'], returns: 'vector' }],
  ['label_join', { args: ['vector', 'string', 'string', 'string'], variadic: true, returns: 'vector' }],
  ['sort_by_label', { args: ['vector', 'string'], variadic: true, returns: 'vector' }],
  ['sort_by_label_desc', { args: ['vector', 'string'], variadic: true, returns: 'vector' }],
  ['predict_linear', { args: ['matrix', 'scalar'], returns: 'vector' }],
  ['double_exponential_smoothing', { args: ['matrix', 'scalar', 'scalar'], returns: 'vector' }],
  ['quantile_over_time', { args: ['scalar', 'matrix'], returns: 'vector' }],
  ['scalar', { args: ['vector'], returns: 'scalar' }],
  ['vector', { args: ['scalar'], returns: 'vector' }],
  ...split('time pi start end range step', { args: [], returns: 'scalar' }),
]);

export const signatureOf = (name: string): Signature | undefined => SIGNATURES.get(name);
export const functionNames = (): string[] => [...SIGNATURES.keys()].sort();
