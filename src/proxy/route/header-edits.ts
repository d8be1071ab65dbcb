import type { HeaderValueOption } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import { ConfigError } from '../errors.ts';
import type { Headers } from '../../codec/headers.ts';
import { compileFormat, type FactSource } from './format.ts';

/** Additions and removals of one level of the configuration. Undefined where there is nothing to do.
 * @param source asked for only where a value is made from it */
export type HeaderEdits = (headers: Headers, source: FactSource) => void;

interface Fields {
  readonly add: readonly HeaderValueOption[];
  readonly remove: readonly string[];
}

/** Envoy `HeaderAppendAction`. */
const ADD_IF_ABSENT = 1;
const OVERWRITE_OR_ADD = 2;
const OVERWRITE_IF_EXISTS = 3;

/** Removal comes first, then additions in order. Pseudo headers and `host` cannot be changed this way (routes rewrite them). */
export function compileHeaderEdits(fields: Fields): HeaderEdits | undefined {
  const removals = fields.remove.map((name) => name.toLowerCase());
  if (removals.some((name) => name.startsWith(':') || name === 'host')) throw new ConfigError('headers to remove: pseudo headers and host cannot be removed');
  const additions = fields.add.map(compileAddition);
  if (removals.length === 0 && additions.length === 0) return undefined;
  return (headers, source) => {
    for (const name of removals) headers.remove(name);
    for (const add of additions) add(headers, source);
  };
}

function compileAddition(option: HeaderValueOption): HeaderEdits {
  const name = (option.header?.key ?? '').toLowerCase();
  if (name === '' || name.startsWith(':')) throw new ConfigError(`headers to add: ${name === '' ? 'empty name' : `${name} cannot be set`}`);
  if (!/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name)) throw new ConfigError(`headers to add: ${JSON.stringify(name)} is not a header name`);
  const raw = option.header?.rawValue;
  const format = compileFormat(option.header?.value || (raw && raw.length > 0 ? Buffer.from(raw).toString('latin1') : ''));
  const action = option.append === false ? OVERWRITE_OR_ADD : option.appendAction;
  const keepEmpty = option.keepEmptyValue;
  return (headers, source) => {
    // A line break in a value would be a second header: formatters copy foreign text.
    const value = format(source).replaceAll(/[\r\n\0]/g, '');
    if (value === '' && !keepEmpty) return;
    if (action === ADD_IF_ABSENT ? headers.has(name) : action === OVERWRITE_IF_EXISTS && !headers.has(name)) return;
    if (action === OVERWRITE_OR_ADD || action === OVERWRITE_IF_EXISTS) headers.set(name, value);
    else headers.add(name, value);
  };
}
