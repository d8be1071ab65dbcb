/** The root of every error that Lateen throws on purpose. `code` is the contract, the text may change. */
const BRAND = Symbol.for('lateen.MeshError');

export interface MeshErrorOptions {
  cause?: unknown;
  /** Facts for logs and machines, e.g. `{ address }`. Never secrets. */
  fields?: Readonly<Record<string, unknown>>;
}

export class MeshError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly [BRAND] = true;

  constructor(code: Code, message: string, options: MeshErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.fields = options.fields ?? {};
  }
}

/** True for every MeshError, also one that another copy of this module made. */
export function isMeshError(error: unknown): error is MeshError {
  return typeof error === 'object' && error !== null && BRAND in error;
}

/** The text of anything that was thrown, with its causes: `outer: inner: innermost`. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.message === '' ? error.name : error.message;
  return error.cause === undefined ? own : `${own}: ${errorText(error.cause)}`;
}
