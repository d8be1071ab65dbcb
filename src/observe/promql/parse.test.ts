import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { QueryError } from './errors.ts';
import { functionNames } from './signatures.ts';
import { implementedFunctions } from './functions.ts';
import { parseQuery } from './parse.ts';

for (const [query, message] of [
  ['', /no expression found/],
  ['sum(x) by (', /1:12: parse error: unexpected end of input/],
  ['1 foo', /1:3: parse error: unexpected "foo"/],
  ['nosuch(x)', /unknown function with name "nosuch"/],
  ['rate(x)', /expected type range vector in call to function "rate", got instant vector/],
  ['{}', /at least one non-empty matcher/],
  ['x{a=~"("}', /invalid regular expression/],
  ['sum(x[5m])', /expected type instant vector in aggregation expression, got range vector/],
  ['1 == 2', /comparisons between scalars must use BOOL modifier/],
  ['x + bool y', /bool modifier can only be used on comparison operators/],
  ['topk(x)', /wrong number of arguments/],
  ['x and 1', /set operator "and" not allowed/],
  ['x * on(a) group_left(a) y', /must not occur in ON and GROUP clause/],
  ['rate(x[0s])', /duration must be greater than 0/],
  ['(x + y) offset 5m', /modifier must be preceded by/],
] as const) {
  test(`refuses ${query === '' ? 'an empty query' : query} with a reason`, () => {
    assert.throws(() => parseQuery(query), (error: unknown) => error instanceof QueryError && message.test(error.message));
  });
}

test('a postfix modifier belongs to the operand before it', () => {
  const expr = parseQuery('a / b @ 12 offset 5m');
  assert.ok(expr.t === 'binary' && expr.left.t === 'selector' && expr.right.t === 'selector');
  assert.deepEqual([expr.left.at, expr.right.at, expr.right.offsetMs], [undefined, 12_000, 300_000]);
});

test('a power binds tighter than the sign before it', () => assert.equal(parseQuery('-1 ^ 2').t, 'negate'));

test('every function with a signature is implemented, and the reverse', () => assert.deepEqual(implementedFunctions(), functionNames()));

test('whatever is typed, the answer is an expression or a QueryError', () => {
  const word = fc.constantFrom('sum', 'rate', 'x', '(', ')', '[5m]', '{', '}', 'a="b"', ',', 'by', 'on', '+', '-', '^', '5', '"s"', '@', 'offset', '1m', ':', 'and', 'topk', '\\', "'", '`');
  fc.assert(
    fc.property(fc.array(word, { maxLength: 14 }), (words) => {
      try {
        parseQuery(words.join(' '));
      } catch (error) {
        assert.ok(error instanceof QueryError, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
