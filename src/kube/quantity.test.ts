import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { addQuantities, canonicalQuantity, compareQuantities, formatQuantity, parseQuantity } from './quantity.ts';

for (const [text, want] of [
  ['1', '1'], ['0.5', '500m'], ['1.5Gi', '1536Mi'], ['1024Mi', '1Gi'], ['1000m', '1'], ['1000k', '1M'], ['100e3', '100e3'], ['1e3', '1e3'], ['1000e0', '1e3'],
  ['0', '0'], ['-1500m', '-1500m'], ['.5', '500m'], ['5.', '5'], ['1023', '1023'], ['1.5', '1500m'], ['0.0000000001', '1n'], ['2Ki', '2Ki'], ['1E', '1E'], ['12e6', '12e6'], ['0.1Ki', '102400m'],
] as const) {
  test(`${text} is written ${want}`, () => assert.equal(canonicalQuantity(text), want));
}

for (const text of ['', 'x', '1.5.5', '1Kb', '1 Gi', '1mi', '--1', '1i']) test(`"${text}" is no quantity`, () => assert.equal(parseQuantity(text), undefined));

test('sums keep the format of the first amount that is not zero', () => {
  const [a, b, zero] = [parseQuantity('1Gi'), parseQuantity('512Mi'), parseQuantity('0')];
  assert.ok(a && b && zero);
  assert.equal(formatQuantity(addQuantities(a, b)), '1536Mi');
  assert.equal(formatQuantity(addQuantities(zero, b)), '512Mi');
  assert.ok(compareQuantities(a, b) > 0);
});

test('the canonical form of any amount reads back as the same amount', () => {
  fc.assert(fc.property(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), fc.constantFrom('DecimalSI', 'BinarySI', 'DecimalExponent'), (nanos, format) => {
    assert.equal(parseQuantity(formatQuantity({ nanos, format: format as 'DecimalSI' }))?.nanos, nanos);
  }));
});

test('an exponent that would make a number of millions of digits is no quantity', () => {
  for (const text of ['1e999999999', '2e18446744073709551616', '1e-999999999']) assert.equal(parseQuantity(text), undefined);
});
