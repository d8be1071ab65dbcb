import assert from 'node:assert/strict';
import test from 'node:test';
import { Piece } from './piece.ts';
import { Refusals, type Doubts } from './refusals.ts';
import { assemble, EncodedResource } from './resource.ts';
import { TypeUrl } from './type-urls.ts';

const text = (value: string) => new TextEncoder().encode(value);
const resource = (name: string, version = 1) => new EncodedResource(TypeUrl.Cluster, name, Uint8Array.from([version]));
const said = (refusals: Refusals) => [...refusals.all('x')].map((r) => `${r.part ?? r.name}: ${r.message}`).sort();

/** A client that refuses what contains one of `bad`, as a whole, with a text that names nothing. */
class Client {
  readonly holds = new Map<string, string>();
  readonly refusals: Refusals;
  responses = 0;
  readonly #bad: readonly string[];

  /** As it was when everything had been taken. */
  #taken = new Map<string, EncodedResource>();

  constructor(bad: readonly string[], doubts?: Doubts) {
    this.#bad = bad;
    this.refusals = new Refusals(doubts, (name) => this.#taken.get(name));
  }

  /** Sends, and whatever follows from the answers. */
  take(sent: readonly EncodedResource[], answer: (all: readonly string[]) => string = () => 'no'): void {
    const newest = new Map(sent.map((r) => [r.name, r.whole]));
    const first = new Piece(sent, []);
    let trial: Piece | undefined = first;
    while (trial) {
      this.responses += 1;
      this.refusals.sent(trial, trial !== first);
      const values = trial.upserts.map((r) => new TextDecoder().decode(r.value));
      const wrong = this.#bad.filter((bad) => values.some((value) => value.includes(bad)));
      if (wrong.length > 0) this.refusals.nacked(answer(wrong));
      else {
        trial.upserts.forEach((r, i) => this.holds.set(r.name, values[i] ?? ''));
        this.refusals.acked();
        if (!this.refusals.isSearching) this.#taken = newest;
      }
      trial = this.refusals.next((name) => newest.get(name));
    }
  }
}

const plain = (...values: string[]) => values.map((value) => new EncodedResource(TypeUrl.Cluster, value, text(value)));

test('what a refused response had beside the bad resource is taken, whatever the text says', () => {
  const values = Array.from({ length: 100 }, (_, i) => `cluster-${i}.`);
  const client = new Client(['cluster-17.', 'cluster-80.']);
  client.take(plain(...values));
  assert.equal(client.holds.size, 98);
  assert.deepEqual(said(client.refusals), ['cluster-17.: no', 'cluster-80.: no']);
  assert.ok(client.responses < 35, `${client.responses} responses`);
  assert.equal(client.refusals.isSearching, false);
});

test('a text that names the bad resource finds it at once', () => {
  const client = new Client(['b.']);
  client.take(plain('a.', 'b.', 'c.', 'd.', 'e.'), (wrong) => `cluster ${wrong.join()} is bad`);
  assert.deepEqual([client.holds.size, client.responses, said(client.refusals)], [4, 3, ['b.: cluster b. is bad']]);
});

test('what was refused stays refused until it has been sent anew and taken, or is taken away', () => {
  const refusals = new Refusals();
  const answer = (list: EncodedResource[], message?: string) => {
    refusals.sent(new Piece(list, []));
    if (message === undefined) refusals.acked();
    else refusals.nacked(message);
  };
  answer([resource('a')], 'no');
  answer([resource('b')], 'never');
  answer([resource('c')]);
  assert.deepEqual(said(refusals), ['a: no', 'b: never'], 'another resource was taken');
  answer([resource('a', 2)]);
  assert.deepEqual(said(refusals), ['b: never']);
  refusals.sent(new Piece([], ['b']));
  assert.deepEqual(said(refusals), []);
});

test('removals of a refused response are sent again', () => {
  const refusals = new Refusals();
  refusals.sent(new Piece([resource('a')], ['gone', 'back']));
  refusals.nacked('no');
  const again = refusals.next((name) => (name === 'back' ? resource('back') : undefined));
  assert.deepEqual([again?.upserts, again?.removed], [[], ['gone']]);
});

test('what has changed meanwhile is not sent as it was', () => {
  const refusals = new Refusals();
  refusals.sent(new Piece([resource('a'), resource('b')], []));
  refusals.nacked('no');
  const trial = () => refusals.next((name) => resource(name, name === 'a' ? 2 : 1))?.upserts.map((r) => r.name);
  assert.deepEqual(trial(), ['b']);
});

/** `[a1][b1]`: hosts with versions; what stands in the place of one is `(a)`. */
const routes = (...hosts: string[]) =>
  assemble({ typeUrl: TypeUrl.Route, name: '80' }, {
    head: text('routes '),
    list: hosts.map((host) => ({ name: host.slice(0, 1), origins: [`VirtualService default/${host.slice(0, 1)}`], bytes: text(`[${host}]`), instead: () => text(`(${host.slice(0, 1)})`) })),
  }, {});

test('of a resource with parts only the bad part is kept away: what was there before stays, or something stands in its place', () => {
  const cases: { title: string; bad: string[]; steps: string[][]; holds: string; refused: string[] }[] = [
    { title: 'a change of one part', bad: ['b2'], steps: [['a1', 'b1', 'c1'], ['a1', 'b2', 'c1']], holds: 'routes [a1][b1][c1]', refused: ['b: no'] },
    { title: 'a change of two parts', bad: ['b2'], steps: [['a1', 'b1', 'c1'], ['a1', 'b2', 'c2']], holds: 'routes [a1][b1][c2]', refused: ['b: no'] },
    { title: 'from the beginning', bad: ['b1'], steps: [['a1', 'b1', 'c1', 'd1']], holds: 'routes [a1](b)[c1][d1]', refused: ['b: no'] },
    { title: 'a part comes and is bad', bad: ['b1'], steps: [['a1', 'c1'], ['a1', 'b1', 'c1']], holds: 'routes [a1](b)[c1]', refused: ['b: no'] },
    { title: 'two from the beginning', bad: ['b1', 'd1'], steps: [['a1', 'b1', 'c1', 'd1']], holds: 'routes [a1](b)[c1](d)', refused: ['b: no', 'd: no'] },
    { title: 'other parts change later', bad: ['b1'], steps: [['a1', 'b1', 'c1'], ['a2', 'b1', 'c1']], holds: 'routes [a2](b)[c1]', refused: ['b: no'] },
    { title: 'the bad part is mended', bad: ['b1'], steps: [['a1', 'b1', 'c1'], ['a1', 'b2', 'c1']], holds: 'routes [a1][b2][c1]', refused: [] },
    { title: 'the bad part goes', bad: ['b1'], steps: [['a1', 'b1', 'c1'], ['a1', 'c1']], holds: 'routes [a1][c1]', refused: [] },
    { title: 'another part turns bad', bad: ['b1', 'c2'], steps: [['a1', 'b1', 'c1'], ['a1', 'b1', 'c2']], holds: 'routes [a1](b)[c1]', refused: ['b: no', 'c: no'] },
    { title: 'every part is bad', bad: ['a1', 'b1'], steps: [['a1', 'b1']], holds: 'routes (a)(b)', refused: ['a: no', 'b: no'] },
    { title: 'the resource itself is bad', bad: ['routes'], steps: [['a1', 'b1']], holds: '', refused: ['80: no'] },
  ];
  for (const { title, bad, steps, holds, refused } of cases) {
    const client = new Client(bad);
    for (const hosts of steps) client.take(client.refusals.admit(new Piece([routes(...hosts)], [])).upserts);
    assert.deepEqual([client.holds.get('80') ?? '', said(client.refusals).map((s) => s.replace(/^80: .*/, '80: no'))], [holds, refused], title);
  }
});
