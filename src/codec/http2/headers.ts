/** Fields that mean a connection of HTTP/1 and do not exist in HTTP/2. RFC 9113 §8.2.2. `te` may only say that trailers are welcome. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'host']);

export const sendsOverHttp2 = (name: string): boolean => !CONNECTION_FIELDS.has(name);
