/** Checks that many kinds share, in the words of Kubernetes' apimachinery validation. */
import { compareQuantities, parseQuantity } from '../../../../kube/quantity.ts';
import { invalid, notSupported, required, type FieldError } from '../../status.ts';
import type { LabelSelectorObject } from '../../../../kube/selectors.ts';
import { labelValueError, qualifiedNameError } from '../../../../kube/names.ts';

export const NOT_NEGATIVE = 'must be greater than or equal to 0';
export const IMMUTABLE = 'field is immutable';
export const PORT_RANGE = 'must be between 1 and 65535, inclusive';

/** Collects errors; each check returns nothing when all is well. */
export class Findings {
  readonly errors: FieldError[] = [];

  add(...errors: readonly (FieldError | undefined)[]): void {
    for (const error of errors) if (error) this.errors.push(error);
  }

  required(field: string, value: unknown, detail = ''): boolean {
    const isThere = value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
    if (!isThere) this.add(required(field, detail));
    return isThere;
  }

  notNegative(field: string, value: number | undefined): void {
    if (value !== undefined && value < 0) this.add(invalid(field, value, NOT_NEGATIVE));
  }

  oneOf(field: string, value: string | undefined, allowed: readonly string[]): void {
    if (value !== undefined && !allowed.includes(value)) this.add(notSupported(field, value, allowed));
  }

  /** @param check returns what is wrong */
  named(field: string, value: string | undefined, check: (value: string) => string | undefined): void {
    if (!this.required(field, value) || value === undefined) return;
    const wrong = check(value);
    if (wrong) this.add(invalid(field, value, wrong));
  }

  port(field: string, value: number | undefined): void {
    if (value === undefined || !Number.isInteger(value) || value < 1 || value > 65_535) this.add(invalid(field, value ?? 0, PORT_RANGE));
  }

  quantities(field: string, amounts: Record<string, string> | undefined): void {
    for (const [name, text] of Object.entries(amounts ?? {})) {
      const quantity = parseQuantity(text);
      if (quantity && quantity.nanos < 0n) this.add(invalid(`${field}[${name}]`, text, NOT_NEGATIVE));
    }
  }

  selector(field: string, selector: LabelSelectorObject | undefined): void {
    for (const [key, value] of Object.entries(selector?.matchLabels ?? {})) {
      const wrong = qualifiedNameError(key) ?? labelValueError(value);
      if (wrong) this.add(invalid(`${field}.matchLabels`, qualifiedNameError(key) ? key : value, wrong));
    }
    for (const [i, { operator, values, key }] of (selector?.matchExpressions ?? []).entries()) {
      const at = `${field}.matchExpressions[${i}]`;
      const needsValues = operator === 'In' || operator === 'NotIn';
      if (!['In', 'NotIn', 'Exists', 'DoesNotExist'].includes(operator)) this.add(invalid(`${at}.operator`, operator, 'not a valid selector operator'));
      else if (needsValues && !values?.length) this.add(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      else if (!needsValues && values?.length) this.add({ field: `${at}.values`, type: 'FieldValueForbidden', message: "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'" });
      const wrong = qualifiedNameError(key);
      if (wrong) this.add(invalid(`${at}.key`, key, wrong));
    }
  }
}

/** Requests above their limit. */
export function resourceErrors(field: string, resources: { requests?: Record<string, string>; limits?: Record<string, string> } | undefined): FieldError[] {
  const findings = new Findings();
  findings.quantities(`${field}.limits`, resources?.limits);
  findings.quantities(`${field}.requests`, resources?.requests);
  for (const [name, text] of Object.entries(resources?.requests ?? {})) {
    const limitText = resources?.limits?.[name];
    const [request, limit] = [parseQuantity(text), parseQuantity(limitText ?? '')];
    if (request && limit && compareQuantities(request, limit) > 0) findings.add(invalid(`${field}.requests`, text, `must be less than or equal to ${name} limit of ${limitText}`));
  }
  return findings.errors;
}
