/** The functions that Kubernetes adds to CEL. Addresses, URLs and quantities are kept as the strings they come as:
 * their methods are told apart by name. Kubernetes: apiserver pkg/cel/library. */
import { isIP } from 'node:net';
import { celFunc, celMethod, CelScalar, isCelList, listType, type CelFunc, type CelList } from '@bufbuild/cel';
import { RE2JS } from 're2js';
import { cidrContains, parseAddress, parseCidr } from '../../../base/cidr.ts';
import { addQuantities, compareQuantities, formatQuantity, parseQuantity, subtractQuantities, type Quantity } from '../../../kube/quantity.ts';

const { STRING, BOOL, INT, DYN } = CelScalar;
const LIST = listType(DYN);

export function kubernetesFunctions(): CelFunc[] {
  return [...lists(), ...regex(), ...urls(), ...addresses(), ...quantities()];
}

type Ordered = string | number | bigint | boolean;
const items = (list: unknown): Ordered[] => (isCelList(list) ? ([...(list as CelList)] as Ordered[]) : []);

function lists(): CelFunc[] {
  const extreme = (name: string, better: (a: Ordered, b: Ordered) => boolean) => celMethod(name, LIST, [], DYN, function () {
    const all = items(this);
    if (all.length === 0) throw new Error(`${name} called on empty list`);
    return all.reduce((a, b) => (better(b, a) ? b : a));
  });
  return [
    celMethod('isSorted', LIST, [], BOOL, function () {
      const all = items(this);
      return all.every((item, i) => i === 0 || (all[i - 1] ?? item) <= item);
    }),
    celMethod('sum', LIST, [], DYN, function () {
      const all = items(this);
      return all.some((v) => typeof v === 'number') ? all.reduce<number>((a, b) => a + Number(b), 0) : all.reduce<bigint>((a, b) => a + BigInt(b), 0n);
    }),
    extreme('min', (a, b) => a < b),
    extreme('max', (a, b) => a > b),
    celMethod('indexOf', LIST, [DYN], INT, function (value) {
      return BigInt(items(this).indexOf(value as Ordered));
    }),
    celMethod('lastIndexOf', LIST, [DYN], INT, function (value) {
      return BigInt(items(this).lastIndexOf(value as Ordered));
    }),
  ];
}

function regex(): CelFunc[] {
  const all = (text: string, pattern: string, limit: bigint) => {
    const matcher = RE2JS.compile(pattern).matcher(text);
    const found: string[] = [];
    while ((limit < 0n || found.length < Number(limit)) && matcher.find()) found.push(matcher.group() ?? '');
    return found;
  };
  return [
    celMethod('find', STRING, [STRING], STRING, function (pattern) {
      return all(this, pattern, 1n)[0] ?? '';
    }),
    celMethod('findAll', STRING, [STRING], listType(STRING), function (pattern) {
      return all(this, pattern, -1n);
    }),
    celMethod('findAll', STRING, [STRING, INT], listType(STRING), function (pattern, limit) {
      return all(this, pattern, limit);
    }),
  ];
}

function urls(): CelFunc[] {
  const isUrl = (text: string) => URL.canParse(text) || text.startsWith('/');
  const part = (name: string, read: (url: URL) => string) => celMethod(name, STRING, [], STRING, function () {
    return read(new URL(this, 'scheme-less://host-less'));
  });
  const known = (url: URL, value: string) => (url.protocol === 'scheme-less:' ? '' : value);
  return [
    celFunc('isURL', [STRING], BOOL, isUrl),
    celFunc('url', [STRING], STRING, (text) => {
      if (!isUrl(text)) throw new Error(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`);
      return text;
    }),
    part('getScheme', (url) => known(url, url.protocol.slice(0, -1))),
    part('getHost', (url) => known(url, url.host)),
    part('getHostname', (url) => known(url, url.hostname.replace(/^\[|\]$/g, ''))),
    part('getPort', (url) => known(url, url.port)),
    part('getEscapedPath', (url) => url.pathname),
  ];
}

function addresses(): CelFunc[] {
  const contains = (range: string, address: string) => {
    const [cidr, bytes] = [parseCidr(range), parseAddress(address)];
    return cidr !== undefined && bytes !== undefined && cidrContains(cidr, bytes);
  };
  return [
    celFunc('isIP', [STRING], BOOL, (text) => isIP(text) !== 0),
    celFunc('isCIDR', [STRING], BOOL, (text) => text.includes('/') && parseCidr(text) !== undefined),
    celFunc('ip', [STRING], STRING, (text) => {
      if (isIP(text) === 0) throw new Error(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
      return text;
    }),
    celFunc('cidr', [STRING], STRING, (text) => {
      if (!text.includes('/') || !parseCidr(text)) throw new Error(`network address parse error during conversion from string: ${JSON.stringify(text)}`);
      return text;
    }),
    celMethod('family', STRING, [], INT, function () {
      return BigInt(isIP(this));
    }),
    celMethod('containsIP', STRING, [STRING], BOOL, function (address) {
      return contains(this, address);
    }),
    celMethod('prefixLength', STRING, [], INT, function () {
      return BigInt(this.split('/')[1] ?? '0');
    }),
  ];
}

function quantities(): CelFunc[] {
  const read = (text: string): Quantity => {
    const quantity = parseQuantity(text);
    if (!quantity) throw new Error(`quantity parse error: ${JSON.stringify(text)}`);
    return quantity;
  };
  return [
    celFunc('isQuantity', [STRING], BOOL, (text) => parseQuantity(text) !== undefined),
    celFunc('quantity', [STRING], STRING, (text) => formatQuantity(read(text))),
    celMethod('isLessThan', STRING, [STRING], BOOL, function (other) {
      return compareQuantities(read(this), read(other)) < 0;
    }),
    celMethod('isGreaterThan', STRING, [STRING], BOOL, function (other) {
      return compareQuantities(read(this), read(other)) > 0;
    }),
    celMethod('compareTo', STRING, [STRING], INT, function (other) {
      return BigInt(compareQuantities(read(this), read(other)));
    }),
    celMethod('add', STRING, [STRING], STRING, function (other) {
      return formatQuantity(addQuantities(read(this), read(other)));
    }),
    celMethod('sub', STRING, [STRING], STRING, function (other) {
      return formatQuantity(subtractQuantities(read(this), read(other)));
    }),
    celMethod('asInteger', STRING, [], INT, function () {
      return read(this).nanos / 1_000_000_000n;
    }),
    celMethod('sign', STRING, [], INT, function () {
      const { nanos } = read(this);
      return nanos > 0n ? 1n : nanos < 0n ? -1n : 0n;
    }),
  ];
}
