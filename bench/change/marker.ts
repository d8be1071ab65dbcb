/** Every change that the bench makes carries a mark by which clients recognize it in the bytes that they are sent: in an
 * endpoint's revision label, in a header that a route adds, in a service's name. */
import { TypeUrl } from '../../src/xds/type-urls.ts';

/** e: endpoints, r: routes, s: a new service. */
export type MarkerKind = 'e' | 'r' | 's';

export interface Marker {
  readonly kind: MarkerKind;
  /** What is changed again and again. */
  readonly target: number;
  /** Counts up for each target, from 1. */
  readonly turn: number;
  /** Of those that were read: `markerSlot`. */
  readonly slot?: number;
}

/** Targets of one kind are numbered from 0 up to this. */
export const MAX_TARGETS = 4000;
export const MARKER_SLOTS = 3 * MAX_TARGETS;
/** A small number for each target. */
export const markerSlot = ({ kind, target, slot }: Marker): number => slot ?? 'ers'.indexOf(kind) * MAX_TARGETS + target;

/** `mke00017x00003`; good as a label value and as a part of a name. */
export const markerText = ({ kind, target, turn }: Marker): string => `mk${kind}${String(target).padStart(5, '0')}x${String(turn).padStart(5, '0')}`;

const START = Buffer.from('mk', 'latin1');
const LENGTH = markerText({ kind: 'e', target: 0, turn: 0 }).length;
/** A service's name stands in its cluster and its endpoints too; it is there for a client when it can be routed to. */
const KINDS: Readonly<Record<string, string>> = { [TypeUrl.Endpoints]: 'e', [TypeUrl.Route]: 'rs', [TypeUrl.VirtualHost]: 'rs' };

/** The newest mark of each target. */
export function readMarkers(typeUrl: string, value: Uint8Array): Marker[] {
  const kinds = KINDS[typeUrl];
  if (kinds === undefined) return [];
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const newest = new Map<string, Marker>();
  for (let at = bytes.indexOf(START); at >= 0; at = bytes.indexOf(START, at + 1)) {
    const [, kind, target, turn] = /^mk([ers])(\d{5})x(\d{5})$/.exec(bytes.toString('latin1', at, at + LENGTH)) ?? [];
    if (kind === undefined || !kinds.includes(kind)) continue;
    const key = `${kind}${target}`;
    // The pattern above says which letters there are.
    const read = { kind: kind as MarkerKind, target: Number(target), turn: Number(turn) };
    const marker = { ...read, slot: markerSlot(read) };
    if ((newest.get(key)?.turn ?? 0) < marker.turn) newest.set(key, marker);
  }
  return [...newest.values()];
}
