/** How the agent of a machine finds out whether the application is well. Istio: WorkloadGroup.probe, which comes as ProxyConfig.readinessProbe;
 * names and defaults are Istio's. */
import type { SettingsReader } from '../bootstrap/sources.ts';
import { asObject, type JsonObject } from '../bootstrap/sources.ts';

export type ProbeMethod =
  | { readonly kind: 'http'; readonly host: string; readonly port: number; readonly path: string; readonly isTls: boolean; readonly headers: readonly (readonly [name: string, value: string])[] }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'grpc'; readonly host: string; readonly port: number; readonly service: string }
  | { readonly kind: 'exec'; readonly command: readonly [program: string, ...args: string[]] };

export interface ReadinessProbe {
  readonly method: ProbeMethod;
  /** Before the first probe. */
  readonly initialDelayMs: number;
  /** From the start of one probe to that of the next; 10 s. */
  readonly periodMs: number;
  /** Of one probe; 1 s. */
  readonly timeoutMs: number;
  /** So many in a row make the application well; 1. */
  readonly successThreshold: number;
  /** So many in a row make it ill; 1. */
  readonly failureThreshold: number;
}

const LOCAL = 'localhost';
const FIELD = 'readinessProbe';
const METHODS = ['httpGet', 'tcpSocket', 'exec', 'grpc'] as const;

/** @returns undefined when there is none, or when it cannot be used; the reader then knows why */
export function readReadinessProbe(value: unknown, reader: SettingsReader): ReadinessProbe | undefined {
  if (value === undefined || value === null) return undefined;
  const probe = asObject(value);
  const named = METHODS.filter((name) => probe[name] !== undefined && probe[name] !== null);
  const [name, ...others] = named;
  if (name === undefined || others.length > 0) {
    reader.problems.push(`${FIELD}: exactly one of ${METHODS.join(', ')} must be set, not ${named.join(' and ') || 'none'}`);
    return undefined;
  }
  const problems = reader.problems.length;
  /** 0 stands for what is left out, as in the field's own API. */
  const whole = (field: string, fallback: number) => reader.checkNumber(`${FIELD}.${field}`, probe[field], { fallback, min: 0, max: 2_147_483 }) || fallback;
  const result = {
    method: readMethod(name, asObject(probe[name]), reader),
    initialDelayMs: whole('initialDelaySeconds', 0) * 1000,
    periodMs: whole('periodSeconds', 10) * 1000,
    timeoutMs: whole('timeoutSeconds', 1) * 1000,
    successThreshold: whole('successThreshold', 1),
    failureThreshold: whole('failureThreshold', 1),
  };
  return reader.problems.length > problems ? undefined : result;
}

function readMethod(name: (typeof METHODS)[number], field: JsonObject, reader: SettingsReader): ProbeMethod {
  const at = `${FIELD}.${name}`;
  const text = (key: string, fallback: string): string => {
    const value = field[key];
    if (value === undefined || value === null || value === '') return fallback;
    if (typeof value !== 'string') reader.problems.push(`${at}.${key}: ${JSON.stringify(value)} is not text`);
    return String(value);
  };
  if (name === 'exec') {
    const { command } = field;
    if (isCommand(command)) return { kind: 'exec', command };
    reader.problems.push(`${at}.command: is not a list of texts, the first of which is the program`);
    return { kind: 'exec', command: [''] };
  }
  const port = reader.checkNumber(`${at}.port`, field['port'] ?? null, { fallback: 0, min: 1, max: 65_535 });
  if (port === 0) reader.problems.push(`${at}.port: is required`);
  if (name === 'grpc') return { kind: 'grpc', host: LOCAL, port, service: text('service', '') };
  const host = text('host', LOCAL);
  if (name === 'tcpSocket') return { kind: 'tcp', host, port };
  const path = text('path', '/');
  const headers = Array.isArray(field['httpHeaders']) ? field['httpHeaders'].map(asObject) : [];
  return {
    kind: 'http', host, port, path: path.startsWith('/') ? path : `/${path}`, isTls: /^https$/i.test(text('scheme', 'HTTP')),
    headers: headers.map((header) => [String(header['name'] ?? ''), String(header['value'] ?? '')]),
  };
}

const isCommand = (value: unknown): value is [string, ...string[]] => Array.isArray(value) && value.length > 0 && value[0] !== '' && value.every((part) => typeof part === 'string');
