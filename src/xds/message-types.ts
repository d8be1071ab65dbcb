/** Every message type of Envoy's API, found by its name. Read when somebody asks first: most meshes need only the types that the code
 * names, and those come with it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createFileRegistry, fromBinary, type FileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { errorText, MeshError } from '../base/errors.ts';

/** Beside the sources, and beside the bundle. The build makes it. */
const FILES = ['generated/descriptors.bin.gz', 'descriptors.bin.gz'].map((name) => join(import.meta.dirname, name));

let types: FileRegistry | undefined;

export function messageTypes(): FileRegistry {
  return (types ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, gunzipSync(read()))));
}

function read(): Buffer {
  const errors: string[] = [];
  for (const path of FILES) {
    try {
      return readFileSync(path);
    } catch (error) {
      errors.push(errorText(error));
    }
  }
  throw new MeshError('message-types-missing', `the message types of Envoy cannot be read (make build makes them): ${errors.join('; ')}`);
}
