import assert from 'node:assert/strict';
import test from 'node:test';
import { errorText } from '../../base/errors.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { PATIENCE_MS, PushQueue, type Pushed } from './push-queue.ts';

/** Work takes time. */
class BusyClock extends FakeClock {
  workedMs = 0;

  override monotonic(): number {
    return super.monotonic() + this.workedMs;
  }
}

function start() {
  const clock = new BusyClock();
  const turns: (() => void)[] = [];
  const told: string[] = [];
  const queue = new PushQueue<Proxy>({ clock, soon: (run) => void turns.push(run), failed: (proxy, error) => void told.push(`${proxy.name}: ${errorText(error)}`) });
  /** Takes `costMs` to be told, and answers when `answers` says so. */
  class Proxy implements Pushed {
    isReady = true;
    readonly name: string;
    readonly #costMs: number;

    constructor(name: string, costMs = 0) {
      this.name = name;
      this.#costMs = costMs;
    }

    push(): void {
      if (this.#costMs < 0) throw new Error('no');
      told.push(this.name);
      this.isReady = false;
      clock.workedMs += this.#costMs;
    }

    answers(): void {
      this.isReady = true;
      queue.ready(this);
    }
  }
  const turn = () => turns.shift()?.();
  const all = () => { while (turns.length > 0) turn(); };
  const take = () => told.splice(0).join(' ');
  return { clock, queue, turn, all, take, proxy: (name: string, costMs?: number) => new Proxy(name, costMs) };
}

const ignore = () => {};

test('a few proxies are told in each turn of the event loop, each once', () => {
  const s = start();
  const proxies = Array.from({ length: 5 }, (_, i) => s.proxy(`p${i}`, 2));
  let isDone = false;
  s.queue.add(proxies, () => (isDone = true));
  assert.equal(s.take(), '', 'not at once');
  s.turn();
  assert.equal(s.take(), 'p0 p1');
  s.queue.add(proxies.slice(3), ignore);
  s.turn();
  s.turn();
  assert.equal(s.take(), 'p2 p3 p4');
  assert.equal(isDone, true);
});

test('who has not answered yet is told when it has, once for all that came meanwhile', () => {
  const s = start();
  const [quick, slow] = [s.proxy('quick'), s.proxy('slow')];
  const change = () => {
    s.queue.add([quick, slow], ignore);
    s.all();
  };
  change();
  quick.answers();
  assert.equal(s.take(), 'quick slow');
  change();
  quick.answers();
  change();
  assert.equal(s.take(), 'quick quick', 'a slow proxy keeps nobody waiting');
  slow.answers();
  s.all();
  assert.equal(s.take(), 'slow');
});

test('who does not answer is told of newer things after a while', async () => {
  const s = start();
  const mute = s.proxy('mute');
  for (let i = 0; i < 2; i++) {
    s.queue.add([mute], ignore);
    s.all();
  }
  assert.equal(s.take(), 'mute');
  await s.clock.advance(PATIENCE_MS);
  s.all();
  assert.equal(s.take(), 'mute');
});

test('who has left is not told any more, and nobody after the end', () => {
  const s = start();
  const [gone, other] = [s.proxy('gone'), s.proxy('other')];
  s.queue.add([gone, other], ignore);
  s.queue.remove(gone);
  s.all();
  assert.equal(s.take(), 'other');
  other.answers();
  s.queue.add([other], ignore);
  s.queue.close();
  s.all();
  assert.equal(s.take(), '');
});

test('that everybody has been told is said when there is nobody, too', () => {
  const s = start();
  let isDone = false;
  s.queue.add([], () => (isDone = true));
  s.all();
  assert.equal(isDone, true);
});

test('who cannot be told keeps nobody else from being told', () => {
  const { queue, all, take, proxy } = start();
  const broken = proxy('broken', -1);
  let rounds = 0;
  for (let i = 0; i < 2; i++) queue.add([proxy('a'), broken, proxy('b')], () => void rounds++);
  all();
  assert.deepEqual([take(), rounds], ['a broken: no b a b', 2]);
  queue.add([broken], () => void rounds++);
  all();
  assert.deepEqual([take(), rounds], ['broken: no', 3]);
});
