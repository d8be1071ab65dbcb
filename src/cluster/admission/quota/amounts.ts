/** Named amounts, as in `resources.requests` and `ResourceQuota.spec.hard`, and sums of them. */
import { addQuantities, compareQuantities, formatQuantity, parseQuantity, subtractQuantities } from '../../../kube/quantity.ts';
import type { Quantity } from '../../../kube/quantity.ts';

export type Amounts = ReadonlyMap<string, Quantity>;

const ZERO: Quantity = { nanos: 0n, format: 'DecimalSI' };

/** Entries that are no quantities are left out: validation refuses them elsewhere. */
export function parseAmounts(record: Readonly<Record<string, string | number>> | undefined): Map<string, Quantity> {
  const result = new Map<string, Quantity>();
  for (const [name, text] of Object.entries(record ?? {})) {
    const quantity = parseQuantity(text);
    if (quantity) result.set(name, quantity);
  }
  return result;
}

export function formatAmounts(amounts: Amounts): Record<string, string> {
  return Object.fromEntries([...amounts].sort(byName).map(([name, quantity]) => [name, formatQuantity(quantity)]));
}

/** `cpu=500m,memory=1Gi`, sorted by name. Kubernetes: resourcequota prettyPrint */
export function printAmounts(amounts: Amounts): string {
  return [...amounts].sort(byName).map(([name, quantity]) => `${name}=${formatQuantity(quantity)}`).join(',');
}

export function addAmounts(a: Amounts, b: Amounts): Map<string, Quantity> {
  const result = new Map(a);
  for (const [name, quantity] of b) {
    const held = result.get(name);
    result.set(name, held ? addQuantities(held, quantity) : quantity);
  }
  return result;
}

export function subtractAmounts(a: Amounts, b: Amounts): Map<string, Quantity> {
  const result = new Map(a);
  for (const [name, quantity] of b) result.set(name, subtractQuantities(result.get(name) ?? ZERO, quantity));
  return result;
}

/** The larger of both for every name. */
export function maxAmounts(a: Amounts, b: Amounts): Map<string, Quantity> {
  const result = new Map(a);
  for (const [name, quantity] of b) {
    const held = result.get(name);
    if (!held || compareQuantities(held, quantity) < 0) result.set(name, quantity);
  }
  return result;
}

/** Only the names in `names`; those that are missing are 0. */
export function maskAmounts(amounts: Amounts, names: Iterable<string>): Map<string, Quantity> {
  return new Map([...names].map((name) => [name, amounts.get(name) ?? ZERO]));
}

export const isZero = (quantity: Quantity): boolean => quantity.nanos === 0n;

export const count = (n: number): Quantity => ({ nanos: BigInt(n) * 1_000_000_000n, format: 'DecimalSI' });

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);
