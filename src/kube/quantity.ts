/** Resource amounts: `500m`, `1.5Gi`, `2e3`. Exact, in whole nano-units. Kubernetes: apimachinery resource.Quantity. */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

export interface Quantity {
  /** Billionths of the unit. */
  readonly nanos: bigint;
  /** How the text was written, and so how sums with it are written. */
  readonly format: QuantityFormat;
}

const NANO = 1_000_000_000n;
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY: Readonly<Record<string, bigint>> = { Ki: 1n << 10n, Mi: 1n << 20n, Gi: 1n << 30n, Ti: 1n << 40n, Pi: 1n << 50n, Ei: 1n << 60n };
/** Exponents have three digits at most: the text must not decide how much there is to compute. */
const SYNTAX = /^([+-])?(\d+(?:\.\d*)?|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d{1,3}|)$/;

/** What Kubernetes says about text that is none. */
export const QUANTITY_ERROR = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** Undefined when the text is not a quantity. More than nine decimal places are rounded away from zero, as Kubernetes does. */
export function parseQuantity(text: string | number): Quantity | undefined {
  const match = SYNTAX.exec(String(text));
  if (!match) return undefined;
  const [, sign, number = '', suffix = ''] = match;
  const [whole = '', fraction = ''] = number.split('.');
  const digits = BigInt((whole === '' ? '0' : whole) + fraction);
  const magnitude = scale(digits, fraction.length, suffix);
  return { nanos: sign === '-' ? -magnitude : magnitude, format: formatOf(suffix) };
}

function formatOf(suffix: string): QuantityFormat {
  if (suffix in BINARY) return 'BinarySI';
  return /^[eE][+-]?\d/.test(suffix) ? 'DecimalExponent' : 'DecimalSI';
}

function scale(digits: bigint, places: number, suffix: string): bigint {
  const binary = BINARY[suffix];
  if (binary !== undefined) return divideUp(digits * binary * NANO, 10n ** BigInt(places));
  const exponent = (DECIMAL[suffix] ?? Number(suffix.slice(1))) + 9 - places;
  return exponent >= 0 ? digits * 10n ** BigInt(exponent) : divideUp(digits, 10n ** BigInt(-exponent));
}

const divideUp = (value: bigint, by: bigint): bigint => (value + by - 1n) / by;

export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos + b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos - b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

/** Negative, zero or positive, as for sorting. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0;
}

/** Canonical: no fraction, and the largest suffix that needs none. `1.5Gi` → `1536Mi`, `0.5` → `500m`. */
export function formatQuantity(quantity: Quantity): string {
  const { nanos } = quantity;
  if (nanos === 0n) return '0';
  const sign = nanos < 0n ? '-' : '';
  const magnitude = nanos < 0n ? -nanos : nanos;
  // Kubernetes writes small or broken binary amounts in the decimal form.
  if (quantity.format === 'BinarySI' && magnitude % NANO === 0n && magnitude / NANO >= 1024n) return sign + formatBinary(magnitude / NANO);
  if (quantity.format === 'BinarySI' && magnitude % NANO === 0n) return sign + String(magnitude / NANO);
  return sign + formatDecimal(magnitude, quantity.format === 'DecimalExponent');
}

function formatBinary(units: bigint): string {
  let best = String(units);
  for (const [suffix, factor] of Object.entries(BINARY)) if (units % factor === 0n) best = `${units / factor}${suffix}`;
  return best;
}

function formatDecimal(nanos: bigint, exponent: boolean): string {
  let power = -9;
  let mantissa = nanos;
  while (power < 18 && mantissa % 1000n === 0n) {
    mantissa /= 1000n;
    power += 3;
  }
  if (exponent) return power === 0 ? String(mantissa) : `${mantissa}e${power}`;
  const suffix = Object.entries(DECIMAL).find(([, p]) => p === power)?.[0] ?? '';
  return `${mantissa}${suffix}`;
}

/** The amount as a JavaScript number, rounded: for ratios and displays. */
export const quantityNumber = (quantity: Quantity): number => Number(quantity.nanos) / 1e9;

/** Canonical text of a quantity's text; the text itself when it is none. */
export function canonicalQuantity(text: string | number): string {
  const quantity = parseQuantity(text);
  return quantity ? formatQuantity(quantity) : String(text);
}
