import type { Stored } from '../../../kube/object.ts';

export interface Column {
  name: string;
  /** OpenAPI type; default `string`. */
  type?: string;
  format?: string;
  description?: string;
  /** Only with `-o wide`. */
  wide?: boolean;
  cell(object: Stored, nowMs: number): string | number | boolean | null;
}

export const NONE = '<none>';
export const UNKNOWN = '<unknown>';

/** How long ago, as kubectl writes it: `5s`, `2m30s`, `3h4m`, `5d`. Kubernetes: apimachinery duration.HumanDuration. */
export function age(time: string | undefined | null, nowMs: number): string {
  const then = time ? Date.parse(time) : Number.NaN;
  return Number.isNaN(then) ? UNKNOWN : humanDuration(nowMs - then);
}

export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 24 * 8) return hours % 24 === 0 ? `${days}d` : `${days}d${hours % 24}h`;
  if (hours < 24 * 365 * 2) return `${days}d`;
  const years = Math.floor(days / 365);
  if (hours < 24 * 365 * 8) return days % 365 === 0 ? `${years}y` : `${years}y${days % 365}d`;
  return `${years}y`;
}

export const nameColumn: Column = {
  name: 'Name', format: 'name', cell: (o) => o.metadata.name,
  description: 'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically.',
};
export const ageColumn: Column = { name: 'Age', cell: (o, now) => age(o.metadata.creationTimestamp, now), description: 'CreationTimestamp is the server time when this object was created.' };
/** For columns that state a moment, shown as an age. */
export const labelText = (labels: Record<string, string> | undefined): string => {
  const entries = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? NONE : entries.map(([key, value]) => `${key}=${value}`).join(',');
};
