/** Names that a sidecar answers for its workload: istio.networking.nds.v1.NameTable, written and read by hand as it has four
 * fields. One resource is one host, so that a change costs what it changes. */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

export interface NameInfo {
  /** Virtual addresses, or those of all pods. */
  readonly ips: readonly string[];
  /** `Kubernetes`: shorter forms of the name are known, too. */
  readonly registry: 'Kubernetes' | 'External';
  /** Of Kubernetes: `reviews`, or `web-0.web` for a pod of a headless service. */
  readonly shortName: string;
  readonly namespace: string;
}

export type NameTable = ReadonlyMap<string, NameInfo>;

const TABLE = 1;
const Field = { ips: 1, registry: 2, shortName: 3, namespace: 4 } as const;

export function encodeNameTable(table: NameTable): Uint8Array {
  const writer = new BinaryWriter();
  const text = (field: number, value: string) => void (value !== '' && writer.tag(field, WireType.LengthDelimited).string(value));
  for (const [host, { ips, registry, shortName, namespace }] of table) {
    writer.tag(TABLE, WireType.LengthDelimited).fork();
    text(1, host);
    writer.tag(2, WireType.LengthDelimited).fork();
    for (const ip of ips) text(Field.ips, ip);
    text(Field.registry, registry);
    text(Field.shortName, shortName);
    text(Field.namespace, namespace);
    writer.join().join();
  }
  return writer.finish();
}

/** @throws Error when the bytes are not that message */
export function decodeNameTable(bytes: Uint8Array): Map<string, NameInfo> {
  const table = new Map<string, NameInfo>();
  fields(bytes, (field, reader) => {
    if (field !== TABLE) return false;
    let host = '';
    let info: NameInfo = { ips: [], registry: 'External', shortName: '', namespace: '' };
    fields(reader.bytes(), (part, entry) => {
      if (part === 1) host = entry.string();
      else if (part === 2) info = decodeInfo(entry.bytes());
      else return false;
      return true;
    });
    table.set(host, info);
    return true;
  });
  return table;
}

function decodeInfo(bytes: Uint8Array): NameInfo {
  const ips: string[] = [];
  let [registry, shortName, namespace] = ['', '', ''];
  fields(bytes, (field, reader) => {
    if (field === Field.ips) ips.push(reader.string());
    else if (field === Field.registry) registry = reader.string();
    else if (field === Field.shortName) shortName = reader.string();
    else if (field === Field.namespace) namespace = reader.string();
    else return false;
    return true;
  });
  return { ips, registry: registry === 'Kubernetes' ? 'Kubernetes' : 'External', shortName, namespace };
}

/** @param read false: the field is not known, and is skipped */
function fields(bytes: Uint8Array, read: (field: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type !== WireType.LengthDelimited || !read(field, reader)) reader.skip(type, field);
  }
}
