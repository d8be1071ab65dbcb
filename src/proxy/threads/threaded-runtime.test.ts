import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../testkit/fake-clock.ts';
import type { Presence } from '../ending.ts';
import type { Rejected, ResourceUpdate } from '../runtime-contract.ts';
import type { ThreadCalls } from './thread-contract.ts';
import type { Thread } from './thread.ts';
import { ThreadedRuntime } from './threaded-runtime.ts';

const CLUSTER = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
const update = (...names: string[]): ResourceUpdate => ({ typeUrl: CLUSTER, upserted: names.map((name) => ({ name, version: '1', value: new Uint8Array() })), removed: ['gone'] });
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A thread that says what the test says. */
class FakeThread implements Pick<Thread, 'call' | 'tell' | 'close'> {
  readonly taken: string[] = [];
  readonly told: string[] = [];
  readonly verdicts: PromiseWithResolvers<readonly Rejected[]>[] = [];
  /** Answers to `apply` wait for the test. */
  readonly isSlow: boolean;
  refuses: readonly Rejected[] = [];
  presence: Presence = { openConnections: 0, sinceAcceptedMs: Infinity };
  stopped = false;

  constructor(isSlow = false) {
    this.isSlow = isSlow;
  }

  async call<N extends keyof ThreadCalls>(name: N, ...args: Parameters<ThreadCalls[N]>): Promise<Awaited<ReturnType<ThreadCalls[N]>>> {
    // The test asks for no more than these.
    return (await this.#answer(name, args)) as Awaited<ReturnType<ThreadCalls[N]>>;
  }

  tell<N extends keyof ThreadCalls>(name: N, ..._args: Parameters<ThreadCalls[N]>): void {
    this.told.push(name);
  }

  async close(): Promise<void> {}

  #answer(name: keyof ThreadCalls, args: readonly unknown[]): unknown {
    if (name === 'presence') return this.presence;
    if (name === 'stop') return void (this.stopped = true);
    assert.equal(name, 'apply');
    const [given] = args as [ResourceUpdate];
    this.taken.push(`${given.upserted.map((one) => one.name).join(' ')} -${given.removed.join(' ')}`);
    if (!this.isSlow) return this.refuses;
    const verdict = Promise.withResolvers<readonly Rejected[]>();
    this.verdicts.push(verdict);
    return verdict.promise;
  }
}

function start(...threads: FakeThread[]) {
  const failures: string[] = [];
  const clock = new FakeClock();
  const runtime = new ThreadedRuntime({ clock, onFailed: (error) => failures.push(error.message) });
  runtime.begin(threads);
  return { runtime, failures, clock };
}

test('what the first thread refuses the others never see, and it is told when they have the rest', async () => {
  const [first, second] = [new FakeThread(), new FakeThread(true)];
  const { runtime, failures } = start(first, second);
  first.refuses = [{ name: 'bad', message: 'is bad' }];
  assert.deepEqual(runtime.apply(update('good', 'bad')), []);
  let told: readonly Rejected[] | undefined;
  const bound = runtime.bound()?.then((refused) => (told = refused));
  await turn();
  assert.deepEqual([second.taken, told], [['good -gone'], undefined]);
  second.verdicts[0]?.resolve([]);
  await bound;
  assert.deepEqual([told, failures, runtime.bound()], [[{ name: 'bad', message: 'is bad' }], [], undefined]);
});

test('the others take updates in their order, whenever the first has judged each', async () => {
  const [first, second] = [new FakeThread(true), new FakeThread()];
  const { runtime } = start(first, second);
  for (const name of ['a', 'b', 'c']) runtime.apply(update(name));
  assert.deepEqual(first.taken, ['a -gone', 'b -gone', 'c -gone']);
  first.verdicts[1]?.resolve([]);
  first.verdicts[2]?.resolve([]);
  await turn();
  assert.deepEqual(second.taken, []);
  first.verdicts[0]?.resolve([]);
  assert.deepEqual(await runtime.bound(), []);
  assert.deepEqual(second.taken, ['a -gone', 'b -gone', 'c -gone']);
});

test('a thread that refuses what the first has taken is a failure of the proxy', async () => {
  const second = new FakeThread();
  second.refuses = [{ name: 'a', message: 'no memory' }];
  const { runtime, failures } = start(new FakeThread(), second);
  runtime.apply(update('a'));
  await runtime.bound();
  assert.deepEqual(failures, ['one thread refuses what another has taken: a: no memory']);
});

test('a name is asked for as soon as one thread wants it, and until none does', () => {
  const { runtime } = start(new FakeThread(), new FakeThread());
  const told: string[] = [];
  runtime.onInterest((_, names) => told.push([...names].join(' ')));
  const news = (thread: number, ...names: string[]) => runtime.onNews(thread, { kind: 'interest', typeUrl: CLUSTER, names: new Set(names) });
  news(0, 'a');
  news(1, 'a');
  news(0, 'a', 'b');
  news(1, 'a', 'b');
  news(0, 'b');
  news(1, 'b');
  assert.deepEqual(told, ['a', 'a b', 'b a', 'b']);
  const late: string[] = [];
  runtime.onInterest((_, names) => late.push([...names].join(' ')));
  assert.deepEqual(late, ['b']);
});

test('it is ready when all threads are, and news of ejections go to the others', () => {
  const threads = [new FakeThread(), new FakeThread(), new FakeThread()];
  const { runtime } = start(...threads);
  for (const i of [2, 0]) runtime.onNews(i, { kind: 'ready' });
  assert.equal(runtime.ready(), false);
  runtime.onNews(1, { kind: 'ready' });
  assert.equal(runtime.ready(), true);
  runtime.onNews(1, { kind: 'ejections', cluster: 'web' });
  assert.deepEqual(threads.map(({ told }) => told), [['takeEjections'], [], ['takeEjections']]);
});

test('no thread stops while another one serves', async () => {
  const [first, second] = [new FakeThread(), new FakeThread()];
  const { runtime, clock } = start(first, second);
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 25) {
      await turn();
      await clock.advance(25);
    }
  };
  second.presence = { openConnections: 1, sinceAcceptedMs: 1000 };
  const drained = runtime.drain();
  await pass(5000);
  assert.deepEqual([first.stopped, first.told.includes('announceEnd'), second.told.includes('announceEnd')], [false, true, true]);
  second.presence = { openConnections: 0, sinceAcceptedMs: 1000 };
  await pass(500);
  await drained;
  assert.deepEqual([first.stopped, second.stopped], [true, true]);
});
