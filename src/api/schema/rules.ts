/** Field types and CEL rules that several kinds share. Limits are Istio's. The first words of each message are the ones
 * that Istio's own CRDs answer, since scripts and people look for them; a hint may follow. */
import type { CelRule } from './json-schema.ts';
import { rule, string, uint32, type Schema } from './schema.ts';

/** A duration of 1 ms or more, in Go's syntax: `1h30m`, `1.5s`, `100ms`. */
export const duration = (): Schema<string> =>
  string({ rules: [rule("duration(self) >= duration('1ms')", 'must be a valid duration greater than 1ms, such as 100ms or 5s')] });

/** A TCP port, 1…65535. */
export const portNumber = (): Schema<number> => uint32({ rules: [rule('self > 0 && self <= 65535', 'port must be between 1-65535')] });

/** At most one of these fields may be set. `name` in the message when the user knows the fields by another. */
export function atMostOneOf(fields: readonly string[], message = `only one of ${fields.join(' or ')} can be set`): CelRule {
  return rule(`${fields.map((field) => `(has(self.${field}) ? 1 : 0)`).join(' + ')} <= 1`, message);
}
