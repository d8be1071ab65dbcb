import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { create, fromBinary, toBinary, type DescField, type DescMessage, type Message } from '@bufbuild/protobuf';
import { sequence } from '../../testkit/hosts.ts';
import { createDecoder } from './decoder.ts';
import { buildSchemaTable } from './generate.ts';
import { SCHEMAS } from './roots.ts';

const table = buildSchemaTable();
const decoder = createDecoder(table);

/** Without what only @bufbuild/protobuf adds. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([key, inner]) => key !== '$typeName' && key !== '$unknown' && inner !== undefined).map(([key, inner]) => [key, plain(inner)]));
}

/** A message with many of its fields set to something. */
function fill(desc: DescMessage, random: () => number, depth: number): Message {
  const message = create(desc) as Message & Record<string, unknown>;
  for (const field of desc.fields) {
    if (random() < 0.5 || (depth <= 0 && isMessage(field))) continue;
    const value = fieldValue(field, random, depth);
    if (field.oneof) message[field.oneof.localName] = { case: field.localName, value };
    else message[field.localName] = value;
  }
  return message;
}

const isMessage = (field: DescField) => field.fieldKind === 'message' || (field.fieldKind === 'list' && field.listKind === 'message') || (field.fieldKind === 'map' && field.mapKind === 'message');

function fieldValue(field: DescField, random: () => number, depth: number): unknown {
  const scalar = (type: number): unknown => {
    if (type === 9) return `té${Math.floor(random() * 1000)}`;
    if (type === 8) return random() < 0.5;
    if (type === 12) return new Uint8Array([1, 2, Math.floor(random() * 256)]);
    if ([3, 18, 16].includes(type)) return BigInt(Math.floor((random() - 0.5) * 2 ** 52));
    if ([4, 6].includes(type)) return BigInt(Math.floor(random() * 2 ** 52));
    if ([1, 2].includes(type)) return Math.fround(random() * 100);
    return type === 13 || type === 7 ? Math.floor(random() * 2 ** 32) : Math.floor((random() - 0.5) * 2 ** 31);
  };
  const message = (desc: DescMessage, alone: boolean): unknown => {
    if (desc.typeName === 'google.protobuf.Struct') return { a: 'b', n: 1.5, t: true, z: null, l: [1, { x: 'y' }], o: { p: 'q' }, e: {} };
    const made = fill(desc, random, depth - 1) as Message & { value?: unknown };
    return alone && /^google\.protobuf\.(?:Double|Float|U?Int64|U?Int32|Bool|String|Bytes)Value$/.test(desc.typeName) ? made.value : made;
  };
  switch (field.fieldKind) {
    case 'scalar':
      return scalar(field.scalar);
    case 'enum':
      return field.enum.values[Math.floor(random() * field.enum.values.length)]?.number ?? 0;
    case 'message':
      return message(field.message, field.oneof === undefined);
    case 'list':
      return [0, 1].map(() => (field.listKind === 'message' ? message(field.message, false) : field.listKind === 'enum' ? 1 : scalar(field.scalar)));
    case 'map':
      return { [field.mapKey === 9 ? 'k' : '1']: field.mapKind === 'message' ? message(field.message, false) : field.mapKind === 'enum' ? 1 : scalar(field.scalar) };
  }
}

for (const [name, schema] of Object.entries(SCHEMAS)) {
  test(`${schema.typeName} is decoded as @bufbuild/protobuf decodes it`, () => {
    const random = sequence(name.length * 7919);
    for (let round = 0; round < 30; round++) {
      const bytes = toBinary(schema as DescMessage, fill(schema, random, 4));
      assert.deepEqual(plain(decoder.decode(name, bytes)), plain(fromBinary(schema as DescMessage, bytes)));
    }
    assert.deepEqual(plain(decoder.decode(name, new Uint8Array())), plain(create(schema as DescMessage)));
  });
}

test('damaged bytes are an error, never a hang or another kind of failure', () => {
  const random = sequence(42);
  const bytes = toBinary(SCHEMAS.listener, fill(SCHEMAS.listener, random, 4) as never);
  for (let round = 0; round < 500; round++) {
    const copy = Uint8Array.from(bytes.subarray(0, 1 + Math.floor(random() * bytes.length)));
    copy[Math.floor(random() * copy.length)] = Math.floor(random() * 256);
    try {
      decoder.decode('listener', copy);
    } catch (error) {
      assert.equal((error as Error).constructor.name, 'WireError');
    }
  }
});

test('the data path itself does not load descriptors', () => {
  for (const file of readdirSync('src/proxy', { recursive: true, encoding: 'utf8' })) {
    if (!/^(?:config|filters|http|http1|http2|net|route|upstream)\/.*\.ts$|^runtime[^/]*\.ts$/.test(file) || file.includes('.test.') || /schema\/(?:roots|generate)\.ts$/.test(file)) continue;
    const values = readFileSync(`src/proxy/${file}`, 'utf8').match(/^import (?!type ).*generated\/(?!schema\.js).*$/gm);
    assert.equal(values, null, file);
  }
});
