import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import * as fc from 'fast-check';
import { HeaderBlock } from './header-block.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';

const SUITE = '../shared/data/suites/hpack';
const LIMITS = { maxBytes: 1 << 20, maxFields: 1000 };

interface Story {
  cases: { seqno: number; wire: string; headers: Record<string, string>[]; header_table_size?: number }[];
}

/** Keeps everything, valid or not, as it was decoded. */
class Recording extends HeaderBlock {
  readonly fields: [string, string][] = [];

  constructor() {
    super(LIMITS);
  }

  override add(name: string, value: string): void {
    this.fields.push([name, value]);
  }
}

for (const folder of ['nghttp2', 'nghttp2-change-table-size']) {
  test(`the wires of ${folder} are read as they are meant`, { skip: existsSync(SUITE) ? false : 'the suite is not beside the repository' }, () => {
    let count = 0;
    for (const file of readdirSync(join(SUITE, folder))) {
      const story = JSON.parse(readFileSync(join(SUITE, folder, file), 'utf8')) as Story;
      const decoder = new HpackDecoder(Math.max(4096, ...story.cases.map((c) => c.header_table_size ?? 0)));
      for (const { wire, headers, seqno } of story.cases) {
        const block = new Recording();
        assert.equal(decoder.decode(Buffer.from(wire, 'hex'), block), true, `${file} ${seqno}`);
        assert.deepEqual(block.fields, headers.flatMap((field) => Object.entries(field)).map(([name, value]) => [name, Buffer.from(value).toString('latin1')]), `${file} ${seqno}`);
        count++;
      }
    }
    assert.ok(count > 100, `${count} cases`);
  });
}

const name = fc.constantFrom(':path', ':method', 'x-request-id', 'content-type', 'cookie', 'authorization', 'x-a', 'x-b', 'user-agent');
const value = fc.oneof(fc.constantFrom('', 'GET', '/', 'text/plain', 'a', 'b'), fc.string({ maxLength: 300 }).map((text) => Buffer.from(text).toString('latin1')));

test('what the encoder writes, the decoder reads, whatever the size of the table', () => {
  const step = fc.oneof({ weight: 9, arbitrary: fc.array(fc.tuple(name, value), { maxLength: 30 }) }, { weight: 1, arbitrary: fc.constantFrom(0, 50, 100, 1000, 4096) });
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder();
    for (const fields of steps) {
      if (typeof fields === 'number') {
        encoder.resize(fields);
        continue;
      }
      encoder.begin();
      for (const [n, v] of fields) encoder.add(n, v);
      const block = new Recording();
      assert.equal(decoder.decode(Buffer.from(encoder.finish()), block), true);
      assert.deepEqual(block.fields, fields);
    }
  }), { numRuns: 300 });
});

test('a field that repeats costs one octet, one that never does stays out of the table', () => {
  const encoder = new HpackEncoder();
  const block = (...fields: [string, string][]) => {
    encoder.begin();
    for (const [n, v] of fields) encoder.add(n, v);
    return encoder.finish().length;
  };
  block(['x-kind', 'same']);
  assert.equal(block(['x-kind', 'same']), 1);
  for (let i = 0; i < 100; i++) block(['x-request-id', `id-${i}`]);
  assert.equal(block(['x-kind', 'same']), 1, 'other names have not pushed it out');
});

for (const [what, wire] of [
  ['an index of nothing', '80'],
  ['an index beyond the tables', 'ff00'],
  ['a number without its end', 'ffffff'],
  ['a number too large', 'ffffffffffff7f'],
  ['a string longer than the block', '400a6162'],
  ['a size change beyond what is allowed', '3fe21f'],
  ['a size change after a field', '8220'],
  ['a Huffman string padded with zeros', '0001618118'],
  ['a Huffman string with a whole octet of padding', '000161821fff'],
  ['a Huffman string with EOS in it', '00016184ffffffff'],
] as const) {
  test(`${what} is a compression error`, () => {
    assert.equal(new HpackDecoder().decode(Buffer.from(wire, 'hex'), new Recording()), false);
  });
}

test('a bomb of references costs what it says, not what it stands for', () => {
  const decoder = new HpackDecoder();
  const big = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0x80 | ((4000 - 127) & 0x7f), (4000 - 127) >> 7]), Buffer.alloc(4000, 0x78)]);
  const block = new HeaderBlock({ maxBytes: 60 * 1024, maxFields: 100 });
  assert.equal(decoder.decode(Buffer.concat([big, Buffer.alloc(10_000, 0xbe)]), block), true);
  assert.equal(block.tooLarge, true);
  assert.ok(block.list.length <= 300);
});
