/** Lays one container over another as a strategic merge patch does: lists with a key are merged item by item, other lists
 * and single values replaced. */
import type { Container } from 'kubernetes-types/core/v1.d.ts';

const KEYS: Readonly<Record<string, string>> = { env: 'name', ports: 'containerPort', volumeMounts: 'mountPath', volumeDevices: 'devicePath' };

/** `over` wins. */
export function mergeContainer(base: Container, over: Partial<Container>): Container {
  // A merge of two containers field by field is a container.
  return mergeRecords(base as unknown as Fields, over as unknown as Fields) as unknown as Container;
}

type Fields = Record<string, unknown>;

function mergeRecords(base: Fields, over: Fields): Fields {
  const merged: Fields = { ...base };
  for (const [name, value] of Object.entries(over)) {
    if (value === undefined) continue;
    const before = merged[name];
    const key = KEYS[name];
    if (key !== undefined && Array.isArray(before) && Array.isArray(value)) merged[name] = mergeLists(before as Fields[], value as Fields[], key);
    else if (isRecord(before) && isRecord(value)) merged[name] = mergeHandlers(name, before, value);
    else merged[name] = value;
  }
  return merged;
}

/** A hook or probe has exactly one way of asking: another way replaces it. */
function mergeHandlers(name: string, base: Fields, over: Fields): Fields {
  const ways = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'];
  const isHandler = name === 'preStop' || name === 'postStart' || name.endsWith('Probe');
  if (!isHandler || !ways.some((way) => way in over)) return mergeRecords(base, over);
  return mergeRecords(Object.fromEntries(Object.entries(base).filter(([field]) => !ways.includes(field))), over);
}

function mergeLists(base: Fields[], over: Fields[], key: string): Fields[] {
  const merged = base.map((item) => {
    const match = over.find((candidate) => candidate[key] === item[key]);
    return match ? mergeRecords(item, match) : item;
  });
  return [...merged, ...over.filter((item) => !base.some((candidate) => candidate[key] === item[key]))];
}

const isRecord = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
