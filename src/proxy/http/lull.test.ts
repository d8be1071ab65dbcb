import assert from 'node:assert/strict';
import test from 'node:test';
import { Lull } from './lull.ts';

function setUp(): { lull: Lull; serve: (requests: number) => void; done: () => number; pass: () => number } {
  let done = 0;
  const scheduled: (() => void)[] = [];
  const lull = new Lull([() => done++], (run) => void scheduled.push(run));
  return {
    lull,
    serve: (requests) => {
      for (let i = 0; i < requests; i++) {
        lull.begin();
        lull.end();
      }
    },
    done: () => done,
    pass: () => scheduled.splice(0).map((run) => run()).length,
  };
}

test('chores are done after so many requests, once it has been quiet', () => {
  const { serve, done, pass } = setUp();
  serve(63);
  assert.equal(pass(), 0);
  serve(1);
  assert.equal(done(), 0, 'not at once');
  assert.equal(pass(), 1);
  assert.equal(done(), 1);
  serve(63);
  assert.equal(pass(), 0, 'they are counted anew');
});

test('who waits for an answer does not wait for chores', () => {
  const { lull, serve, done, pass } = setUp();
  lull.begin();
  serve(100);
  assert.equal(pass(), 0);
  lull.end();
  lull.begin();
  assert.equal(pass(), 1);
  assert.equal(done(), 0, 'another has begun');
  lull.end();
  serve(1);
  assert.equal(pass(), 1);
  assert.equal(done(), 0, 'another came and went');
  serve(1);
  pass();
  assert.equal(done(), 1);
});
