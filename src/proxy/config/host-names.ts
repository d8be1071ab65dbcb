import { WireReader } from './schema/reader.ts';

const NAME = 1;
const DOMAINS = 2;

/** The names of an encoded envoy.config.route.v3.VirtualHost that has been checked, without the rest of it. */
export function readHostNames(bytes: Uint8Array): { readonly name: string; readonly domains: readonly string[] } {
  const reader = new WireReader(bytes);
  const domains: string[] = [];
  let name = '';
  while (reader.more) {
    const tag = reader.uint32();
    if (tag >>> 3 === NAME) name = reader.string();
    else if (tag >>> 3 === DOMAINS) domains.push(reader.string());
    else reader.skip(tag & 7);
  }
  return { name, domains };
}
