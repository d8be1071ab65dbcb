/** Takes out of a compiled set of `.proto` files what only documents them: options (validation rules, deprecations, version
 * annotations) and the imports that carry these. Every process builds the descriptors of its messages from this when it
 * starts, and two thirds of that work would be for what nobody reads. The messages stay the same on the wire and as JSON. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { EnumOptionsSchema, FieldOptionsSchema, FileDescriptorSetSchema, MessageOptionsSchema } from '@bufbuild/protobuf/wkt';
import type { DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet, ServiceDescriptorProto } from '@bufbuild/protobuf/wkt';

/** @param image what `buf build` writes: a FileDescriptorSet with buf's own notes on each file
 * @returns the same without options and without imports that nothing needs any more */
export function leanImage(image: Uint8Array): Uint8Array<ArrayBuffer> {
  const set = fromBinary(FileDescriptorSetSchema, image);
  for (const file of set.file) dropFileOptions(file);
  dropImports(set);
  return toBinary(FileDescriptorSetSchema, set);
}

/** What is left when nobody will read the comments either. */
export function withoutComments(image: Uint8Array): Uint8Array<ArrayBuffer> {
  const set = fromBinary(FileDescriptorSetSchema, image);
  for (const file of set.file) {
    file.sourceCodeInfo = undefined;
    file.$unknown = undefined;
  }
  return toBinary(FileDescriptorSetSchema, set);
}

function dropFileOptions(file: FileDescriptorProto): void {
  file.options = undefined;
  file.messageType.forEach(dropMessageOptions);
  file.enumType.forEach(dropEnumOptions);
  file.service.forEach(dropServiceOptions);
  // Extensions here are only the annotations' own options.
  file.extension = [];
}

function dropMessageOptions(message: DescriptorProto): void {
  // The one option of messages that makes a difference: without it a map would be a list of pairs.
  message.options = message.options?.mapEntry ? create(MessageOptionsSchema, { mapEntry: true }) : undefined;
  // `packed` shows on the wire.
  for (const field of message.field) field.options = field.options && Object.hasOwn(field.options, 'packed') ? create(FieldOptionsSchema, { packed: field.options.packed }) : undefined;
  for (const oneof of message.oneofDecl) oneof.options = undefined;
  message.extension = [];
  message.nestedType.forEach(dropMessageOptions);
  message.enumType.forEach(dropEnumOptions);
}

function dropEnumOptions(enumeration: EnumDescriptorProto): void {
  // Without it two names for one number are an error.
  enumeration.options = enumeration.options?.allowAlias ? create(EnumOptionsSchema, { allowAlias: true }) : undefined;
  for (const value of enumeration.value) value.options = undefined;
}

function dropServiceOptions(service: ServiceDescriptorProto): void {
  service.options = undefined;
  for (const method of service.method) method.options = undefined;
}

function dropImports(set: FileDescriptorSet): void {
  const files = new Map(set.file.map((file) => [file.name, file]));
  for (const file of set.file) {
    const needed = referencedTypes(file);
    const kept = file.dependency.filter((name, index) => file.publicDependency.includes(index) || !needed.isDisjointFrom(offeredTypes(name, files)));
    const at = (indices: number[]) => indices.map((index) => kept.indexOf(file.dependency[index] ?? '')).filter((index) => index >= 0);
    [file.publicDependency, file.weakDependency] = [at(file.publicDependency), at(file.weakDependency)];
    // Among buf's notes is which imports are unused, by their place in the list.
    if (kept.length < file.dependency.length) file.$unknown = undefined;
    file.dependency = kept;
  }
}

/** Full names with a leading dot, as fields and methods say them. */
function referencedTypes(file: FileDescriptorProto): Set<string> {
  const names = file.service.flatMap((service) => service.method.flatMap((method) => [method.inputType, method.outputType]));
  const visit = (message: DescriptorProto): void => {
    names.push(...message.field.map((field) => field.typeName).filter((name) => name !== ''));
    message.nestedType.forEach(visit);
  };
  file.messageType.forEach(visit);
  return new Set(names);
}

/** What an import brings: the types of the file and of those that it imports publicly. */
function offeredTypes(name: string, files: ReadonlyMap<string, FileDescriptorProto>): Set<string> {
  const file = files.get(name);
  if (!file) return new Set();
  const names = new Set<string>();
  const visit = (scope: string, message: DescriptorProto): void => {
    const own = `${scope}.${message.name}`;
    names.add(own);
    for (const nested of message.nestedType) visit(own, nested);
    for (const enumeration of message.enumType) names.add(`${own}.${enumeration.name}`);
  };
  const scope = file.package === '' ? '' : `.${file.package}`;
  for (const message of file.messageType) visit(scope, message);
  for (const enumeration of file.enumType) names.add(`${scope}.${enumeration.name}`);
  for (const index of file.publicDependency) for (const type of offeredTypes(file.dependency[index] ?? '', files)) names.add(type);
  return names;
}
