/** RFC 6902 JSON Patch. */
import { isDeepStrictEqual } from 'node:util';
import { cloneJson } from '../../base/clone.ts';
import { isObject, type JsonObject } from '../schema/schema.ts';
import { PatchError } from './errors.ts';
import { setOwn } from './members.ts';

export interface JsonPatchOperation {
  op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test';
  path: string;
  from?: string;
  value?: unknown;
}

/** Applies all operations or none.
 * @returns the new document; `document` itself is not changed
 * @throws PatchError when an operation is malformed, its path does not exist, or a test fails */
export function applyJsonPatch<T>(document: T, operations: unknown): T {
  if (!Array.isArray(operations)) throw new PatchError('a JSON patch is a list of operations');
  // The root is held in a cell, because an operation may replace it.
  const root: JsonObject = { '': cloneJson(document) };
  for (const operation of operations) applyOne(root, checked(operation));
  return root[''] as T;
}

function checked(operation: unknown): JsonPatchOperation {
  if (!isObject(operation) || typeof operation['op'] !== 'string' || typeof operation['path'] !== 'string') throw new PatchError(`Unexpected kind: ${JSON.stringify(operation)}`);
  const { op } = operation;
  if (!['add', 'remove', 'replace', 'move', 'copy', 'test'].includes(op)) throw new PatchError(`Unexpected kind: ${op}`);
  if ((op === 'move' || op === 'copy') && typeof operation['from'] !== 'string') throw new PatchError(`${op} operation without "from"`);
  if ((op === 'add' || op === 'replace') && !('value' in operation)) throw new PatchError(`${op} operation does not apply: doc is missing value: ${String(operation['path'])}`);
  return operation as unknown as JsonPatchOperation;
}

function applyOne(root: JsonObject, operation: JsonPatchOperation): void {
  const { op, path, from = '' } = operation;
  switch (op) {
    case 'add': return add(root, path, cloneJson(operation.value), op);
    case 'remove': return void remove(root, path, op);
    case 'replace': {
      remove(root, path, op);
      return add(root, path, cloneJson(operation.value), op);
    }
    case 'move': {
      if (path.startsWith(`${from}/`)) throw new PatchError(`move operation does not apply: ${path} is inside ${from}`);
      return add(root, path, remove(root, from, op), op);
    }
    case 'copy': return add(root, path, cloneJson(read(root, from, op)), op);
    case 'test': {
      if (!isDeepStrictEqual(readOptional(root, path, op), operation.value ?? undefined)) throw new PatchError(`testing value ${path} failed: test failed`);
    }
  }
}

function tokens(path: string): string[] {
  if (path === '') return [''];
  if (!path.startsWith('/')) throw new PatchError(`the path ${JSON.stringify(path)} does not begin with "/"`);
  return ['', ...path.slice(1).split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))];
}

function parentOf(root: JsonObject, path: string, op: string): { parent: JsonObject | unknown[]; key: string } {
  const keys = tokens(path);
  const key = keys.pop() ?? '';
  let parent: unknown = root;
  for (const step of keys) parent = child(parent, step);
  if (!isObject(parent) && !Array.isArray(parent)) throw new PatchError(`${op} operation does not apply: doc is missing path: ${JSON.stringify(path)}: missing value`);
  return { parent, key };
}

function child(parent: unknown, key: string): unknown {
  if (Array.isArray(parent)) return /^(0|[1-9]\d*)$/.test(key) ? (parent[Number(key)] as unknown) : undefined;
  return isObject(parent) && Object.hasOwn(parent, key) ? parent[key] : undefined;
}

function index(key: string, limit: number): number {
  const i = /^(0|[1-9]\d*)$/.test(key) ? Number(key) : -1;
  if (i < 0 || i > limit) throw new PatchError(`Unable to access invalid index: ${key}: invalid index referenced`);
  return i;
}

function add(root: JsonObject, path: string, value: unknown, op: string): void {
  const { parent, key } = parentOf(root, path, op);
  if (Array.isArray(parent)) parent.splice(key === '-' ? parent.length : index(key, parent.length), 0, value);
  else setOwn(parent, key, value);
}

function remove(root: JsonObject, path: string, op: string): unknown {
  const { parent, key } = parentOf(root, path, op);
  if (Array.isArray(parent)) return parent.splice(index(key, parent.length - 1), 1)[0] as unknown;
  if (!Object.hasOwn(parent, key)) throw new PatchError(`${op} operation does not apply: doc is missing key: ${path}: missing value`);
  const value = parent[key];
  delete parent[key];
  return value;
}

function read(root: JsonObject, path: string, op: string): unknown {
  const value = readOptional(root, path, op);
  if (value === undefined) throw new PatchError(`${op} operation does not apply: doc is missing path: ${path}: missing value`);
  return value;
}

function readOptional(root: JsonObject, path: string, op: string): unknown {
  const { parent, key } = parentOf(root, path, op);
  return child(parent, key) ?? undefined;
}
