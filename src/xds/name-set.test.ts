import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { NameSet } from './name-set.ts';

test('sets of the same names are the same object, whichever way they came about', () => {
  const name = fc.integer({ min: 0, max: 20 }).map((n) => `outbound|80||svc-${n}`);
  const steps = fc.array(fc.record({ added: fc.array(name), removed: fc.array(name) }), { maxLength: 20 });
  fc.assert(fc.property(steps, (changes) => {
    const model = new Set<string>();
    let set = NameSet.empty;
    for (const { added, removed } of changes) {
      for (const gone of removed) model.delete(gone);
      for (const come of added) model.add(come);
      set = set.with(added, removed);
      assert.deepEqual([...set].sort(), [...model].sort());
      assert.equal(set, NameSet.of([...model].sort()));
    }
  }));
});

test('a name that is removed and added at once stays', () => {
  const set = NameSet.of(['a']);
  assert.equal(set.with(['a'], ['a']), set);
});
