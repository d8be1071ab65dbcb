import { isIP } from 'node:net';
import { parseCidr } from '../../../base/cidr.ts';
import { parseDuration } from '../../../base/duration.ts';

const CHECKS: Readonly<Record<string, (value: string) => boolean>> = {
  'date-time': (v) => /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:?\d{2})$/.test(v) && !Number.isNaN(Date.parse(v)),
  date: (v) => /^\d{4}-\d{2}-\d{2}$/.test(v) && !Number.isNaN(Date.parse(v)),
  duration: (v) => parseDuration(v) !== undefined || /^\d+(\.\d+)?\s*(ns|nano|us|µs|ms|milli|s|sec|second|m|min|minute|h|hr|hour|d|day|w|wk|week)s?$/.test(v),
  ipv4: (v) => isIP(v) === 4,
  ipv6: (v) => isIP(v) === 6,
  ip: (v) => isIP(v) !== 0,
  cidr: (v) => v.includes('/') && parseCidr(v) !== undefined,
  uri: (v) => URL.canParse(v),
  email: (v) => /^[^\s@]+@[^\s@]+$/.test(v),
  hostname: (v) => v.length <= 255 && /^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*\.?$/.test(v),
  uuid: (v) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(v),
  byte: (v) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(v),
  mac: (v) => /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(v),
};

/** Formats that are not known are not checked, as in Kubernetes. */
export function matchesFormat(format: string, value: string): boolean {
  return CHECKS[format]?.(value) ?? true;
}
