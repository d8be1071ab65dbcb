/** Reads what a target exposes: the Prometheus text format 0.0.4 and OpenMetrics 1.0. Samples are handed out with the text of their
 * series, so that a scraper which has seen that text before does not read the labels again. Spec: prometheus.io "Exposition formats". */
import { Labels, NAME } from './labels.ts';

export interface ExpositionSample {
  /** `name{a="b"}` as it stood in the text: the key for remembering. */
  readonly series: string;
  readonly value: number;
  /** Milliseconds since the epoch, when the target gave one. */
  readonly timeMs: number | undefined;
}

export interface ExpositionMetadata {
  readonly metric: string;
  readonly field: 'type' | 'help' | 'unit';
  readonly text: string;
}

export interface Exposition {
  readonly samples: ExpositionSample[];
  readonly metadata: ExpositionMetadata[];
}

export interface ExpositionError {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

const VALUE = /^\s*(\S+)(?:\s+([-+]?[\d.eE+-]+))?\s*(?:#.*)?$/;
const META = /^#\s+(TYPE|HELP|UNIT)\s+(?:"((?:[^"\\]|\\.)*)"|(\S+))\s?(.*)$/;

export function decodeExposition(text: string, format: 'text' | 'openmetrics' = 'text'): Exposition | ExpositionError {
  const result: Exposition = { samples: [], metadata: [] };
  let number = 0;
  for (let start = 0; start < text.length; ) {
    number++;
    let end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    const line = text.slice(start, text.charCodeAt(end - 1) === 13 ? end - 1 : end).trim();
    start = end + 1;
    if (line === '') continue;
    if (line.startsWith('#')) {
      if (format === 'openmetrics' && line === '# EOF') break;
      addMetadata(line, result);
      continue;
    }
    const sample = decodeSample(line, format);
    if (typeof sample === 'string') return { line: number, message: sample };
    result.samples.push(sample);
  }
  return result;
}

export const isExpositionError = (value: Exposition | ExpositionError): value is ExpositionError => 'message' in value;

/** Labels of `name{a="b"}` or `{"name",a="b"}`, the name under `__name__`; undefined when it is not a series. */
export function decodeSeries(text: string): Labels | undefined {
  const brace = text.indexOf('{');
  const name = (brace < 0 ? text : text.slice(0, brace)).trim();
  const labels = new Map<string, string>();
  if (name !== '') labels.set(NAME, name);
  if (brace >= 0 && !readLabels(text, brace + 1, labels)) return undefined;
  return labels.has(NAME) ? Labels.from(labels) : undefined;
}

function addMetadata(line: string, result: Exposition): void {
  const match = META.exec(line);
  if (!match) return;
  const [, field = '', quoted, plain, rest = ''] = match;
  result.metadata.push({ metric: quoted ?? plain ?? '', field: field.toLowerCase() as ExpositionMetadata['field'], text: field === 'HELP' ? unescape(rest) : rest.trim() });
}

function decodeSample(line: string, format: 'text' | 'openmetrics'): ExpositionSample | string {
  return decodePlainSample(line) ?? decodeAnySample(line, format);
}

/** Nearly every line is `name{…} value`: one look from its end reads it. Undefined when the line is anything else. */
function decodePlainSample(line: string): ExpositionSample | undefined {
  const blank = line.lastIndexOf(' ');
  if (blank <= 0 || line.charCodeAt(blank - 1) !== 125) return undefined;
  // A `#` may start an exemplar, whose braces would be taken for the labels'.
  if (line.includes('#')) return undefined;
  const value = Number(line.slice(blank + 1));
  return Number.isNaN(value) ? undefined : { series: line.slice(0, blank), value, timeMs: undefined };
}

function decodeAnySample(line: string, format: 'text' | 'openmetrics'): ExpositionSample | string {
  const split = seriesEnd(line);
  if (split < 0) return `the labels of ${cut(line)} have no closing brace`;
  const series = line.slice(0, split).trimEnd();
  const match = VALUE.exec(line.slice(split));
  if (!match) return `expected a value after ${cut(series)}`;
  const value = decodeValue(match[1] ?? '');
  if (value === undefined) return `${cut(match[1] ?? '')} is not a number`;
  const time = match[2] === undefined ? undefined : Number(match[2]);
  if (Number.isNaN(time)) return `${match[2]} is not a timestamp`;
  return { series, value, timeMs: time === undefined ? undefined : Math.round(format === 'openmetrics' ? time * 1000 : time) };
}

/** Index behind the series' text, or -1 when a brace stays open. */
function seriesEnd(line: string): number {
  const brace = line.indexOf('{');
  const blank = line.search(/\s/);
  if (brace < 0 || (blank >= 0 && blank < brace && line.slice(blank, brace).trim() !== '')) return blank < 0 ? line.length : blank;
  let quoted = false;
  for (let i = brace + 1; i < line.length; i++) {
    const char = line.charCodeAt(i);
    if (quoted && char === 92) i++;
    else if (char === 34) quoted = !quoted;
    else if (!quoted && char === 125) return i + 1;
  }
  return -1;
}

function readLabels(text: string, from: number, labels: Map<string, string>): boolean {
  const label = /\s*(?:"((?:[^"\\]|\\.)*)"|([a-zA-Z_:][\w:.]*))\s*(?:=\s*"((?:[^"\\]|\\.)*)")?\s*(,|\})/y;
  label.lastIndex = from;
  if (/^\s*\}/.test(text.slice(from))) return true;
  for (;;) {
    const match = label.exec(text);
    if (!match) return false;
    const [, quoted, plain, value, end] = match;
    const name = quoted === undefined ? (plain ?? '') : unescape(quoted);
    if (value !== undefined) labels.set(name, unescape(value));
    else if (quoted !== undefined) labels.set(NAME, name);
    else return false;
    if (end === '}') return true;
    if (/^\s*\}/.test(text.slice(label.lastIndex))) return true;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', '"': '"', '\\': '\\' };
const unescape = (text: string) => (text.includes('\\') ? text.replace(/\\(.)/gs, (whole, char: string) => ESCAPES[char] ?? whole) : text);

function decodeValue(text: string): number | undefined {
  const value = Number(text);
  if (!Number.isNaN(value) && text !== '') return value;
  const word = text.toLowerCase().replace(/^\+/, '');
  if (word === 'nan') return Number.NaN;
  if (word === 'inf' || word === 'infinity') return Infinity;
  return word === '-inf' || word === '-infinity' ? -Infinity : undefined;
}

const cut = (text: string) => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
