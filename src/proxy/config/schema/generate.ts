/** Makes the schema table of the data path from the generated descriptors. Part of the build; the proxy itself never loads this file. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { SCHEMAS } from './roots.ts';
import type { FieldRow, SchemaTable, TypeRow, ValueKind } from './table.ts';

const SCALARS: Readonly<Record<number, ValueKind>> = {
  [ScalarType.DOUBLE]: 'double', [ScalarType.FLOAT]: 'float', [ScalarType.INT64]: 'int64', [ScalarType.UINT64]: 'uint64', [ScalarType.INT32]: 'int32', [ScalarType.FIXED64]: 'fixed64',
  [ScalarType.FIXED32]: 'fixed32', [ScalarType.BOOL]: 'bool', [ScalarType.STRING]: 'string', [ScalarType.BYTES]: 'bytes', [ScalarType.UINT32]: 'uint32', [ScalarType.SFIXED32]: 'sfixed32',
  [ScalarType.SFIXED64]: 'sfixed64', [ScalarType.SINT32]: 'sint32', [ScalarType.SINT64]: 'sint64',
};

/** Every message type that the roots can contain, and how to read it. */
export function buildSchemaTable(): SchemaTable {
  const indexes = new Map<DescMessage, number>();
  const types: TypeRow[] = [];
  const indexOf = (message: DescMessage): number => {
    const known = indexes.get(message);
    if (known !== undefined) return known;
    const index = types.length;
    indexes.set(message, index);
    types.push({ name: message.typeName, fields: [], oneofs: [] });
    types[index] = { name: message.typeName, fields: message.fields.map((field) => fieldRow(field, indexOf)), oneofs: message.oneofs.map((oneof) => oneof.localName) };
    return index;
  };
  const roots = Object.fromEntries(Object.entries(SCHEMAS).map(([name, schema]) => [name, indexOf(schema)]));
  return { types: types.map((type) => JSON.stringify(type)), roots };
}

function fieldRow(field: DescField, indexOf: (message: DescMessage) => number): FieldRow {
  const base = { n: field.number, name: field.localName, ...(field.oneof ? { oneof: field.oneof.localName } : {}) };
  switch (field.fieldKind) {
    case 'scalar':
      return { ...base, kind: SCALARS[field.scalar] ?? 'bytes', ...(field.presence === 1 && !field.oneof ? { optional: true } : {}) };
    case 'enum':
      return { ...base, kind: 'enum', ...(field.presence === 1 && !field.oneof ? { optional: true } : {}) };
    case 'message':
      return { ...base, kind: 'message', type: indexOf(field.message), ...simpler(field.message, field.oneof !== undefined) };
    case 'list':
      if (field.listKind === 'message') return { ...base, list: true, kind: 'message', type: indexOf(field.message), ...simpler(field.message, true) };
      return { ...base, list: true, kind: field.listKind === 'enum' ? 'enum' : (SCALARS[field.scalar] ?? 'bytes') };
    case 'map': {
      const mapKey = SCALARS[field.mapKey] ?? 'string';
      if (field.mapKind === 'message') return { ...base, mapKey, kind: 'message', type: indexOf(field.message), ...simpler(field.message, true) };
      return { ...base, mapKey, kind: field.mapKind === 'enum' ? 'enum' : (SCALARS[field.scalar] ?? 'bytes') };
    }
  }
}

/** @bufbuild/protobuf shows a Struct as JSON anywhere outside of google.protobuf, and a wrapper as its value in plain fields. */
function simpler(message: DescMessage, wrapped: boolean): Pick<FieldRow, 'as'> {
  if (message.typeName === 'google.protobuf.Struct') return { as: 'json' };
  return !wrapped && /^google\.protobuf\.(?:Double|Float|U?Int64|U?Int32|Bool|String|Bytes)Value$/.test(message.typeName) ? { as: 'unwrapped' } : {};
}

/** Where the data path expects its table, from the repository's root. */
export const SCHEMA_TABLE = 'src/proxy/generated/schema.js';

/** Writes the table as a module, when it changed. The build calls it after the descriptors were made. */
export function writeSchemaTable(path: string = SCHEMA_TABLE): void {
  const source = `export const table = ${JSON.stringify(buildSchemaTable())};\n`;
  if (existsSync(path) && readFileSync(path, 'utf8') === source) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, source);
  writeFileSync(path.replace(/\.js$/, '.d.ts'), `import type { SchemaTable } from '../config/schema/table.ts';\nexport declare const table: SchemaTable;\n`);
}
