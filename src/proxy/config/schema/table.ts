/** Message types as plain data: what a decoder must know, and nothing else. Made from the descriptors at build time, because loading
 * the descriptors of Envoy's whole API takes a quarter of a second and tens of megabytes in every sidecar. */

/** How a value is written on the wire, or `message`. */
export type ValueKind =
  | 'double' | 'float' | 'int64' | 'uint64' | 'int32' | 'fixed64' | 'fixed32' | 'bool' | 'string' | 'bytes' | 'uint32' | 'enum' | 'sfixed32' | 'sfixed64' | 'sint32' | 'sint64' | 'message';

export interface FieldRow {
  /** Field number. */
  readonly n: number;
  /** Name in TypeScript. */
  readonly name: string;
  readonly kind: ValueKind;
  /** Index of the message type, for messages. */
  readonly type?: number;
  /** Absent: a single value. For maps: kind of the key. */
  readonly list?: true;
  readonly mapKey?: ValueKind;
  /** Name of the oneof it belongs to. */
  readonly oneof?: string;
  /** Single scalar that keeps the difference between absent and zero. */
  readonly optional?: true;
  /** google.protobuf types that TypeScript sees as something simpler. */
  readonly as?: 'json' | 'unwrapped';
}

export interface TypeRow {
  readonly name: string;
  readonly fields: readonly FieldRow[];
  /** Names of its oneofs. */
  readonly oneofs: readonly string[];
}

export interface SchemaTable {
  /** Each a TypeRow as JSON, read when the type is first met: a proxy is told of a few of the thousand types there are. */
  readonly types: readonly string[];
  /** Index of each root type by its short name. */
  readonly roots: Readonly<Record<string, number>>;
}
