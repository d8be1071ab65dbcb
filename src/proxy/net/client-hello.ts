/** Reads the server name and the ALPN list from the first bytes of a TLS connection. RFC 8446 §4.1.2, RFC 6066 §3, RFC 7301. */
export interface ClientHello {
  readonly serverName: string | undefined;
  readonly alpn: readonly string[];
}

export type HelloResult = ClientHello | 'more' | 'not-tls';

const HANDSHAKE = 0x16;
const CLIENT_HELLO = 1;
const EXT_SERVER_NAME = 0;
const EXT_ALPN = 16;
/** Larger hellos are refused, as in Envoy. */
const MAX_HELLO = 64 * 1024;

export function readClientHello(bytes: Buffer): HelloResult {
  if (bytes.length > 0 && bytes[0] !== HANDSHAKE) return 'not-tls';
  if (bytes.length > 1 && bytes[1] !== 3) return 'not-tls';
  if (bytes.length < 5) return 'more';
  const message = handshakeMessage(bytes);
  if (typeof message === 'string') return message;
  try {
    return parseHello(message);
  } catch {
    return 'not-tls';
  }
}

/** Joins records until the first handshake message is whole. */
function handshakeMessage(bytes: Buffer): Buffer | 'more' | 'not-tls' {
  const parts: Buffer[] = [];
  let size = 0;
  for (let pos = 0; pos + 5 <= bytes.length; ) {
    if (bytes[pos] !== HANDSHAKE) return 'not-tls';
    const length = bytes.readUInt16BE(pos + 3);
    const part = bytes.subarray(pos + 5, pos + 5 + length);
    parts.push(part);
    size += part.length;
    const joined = parts.length === 1 ? part : Buffer.concat(parts);
    if (joined.length >= 4) {
      if (joined[0] !== CLIENT_HELLO) return 'not-tls';
      const wanted = joined.readUIntBE(1, 3);
      if (wanted > MAX_HELLO) return 'not-tls';
      if (size >= wanted + 4) return joined.subarray(4, 4 + wanted);
    }
    if (part.length < length) return 'more';
    pos += 5 + length;
  }
  return 'more';
}

function parseHello(body: Buffer): ClientHello {
  let pos = 2 + 32;
  pos += 1 + body.readUInt8(pos);
  pos += 2 + body.readUInt16BE(pos);
  pos += 1 + body.readUInt8(pos);
  let serverName: string | undefined;
  let alpn: string[] = [];
  if (pos + 2 > body.length) return { serverName, alpn };
  const end = Math.min(body.length, pos + 2 + body.readUInt16BE(pos));
  pos += 2;
  while (pos + 4 <= end) {
    const type = body.readUInt16BE(pos);
    const data = body.subarray(pos + 4, pos + 4 + body.readUInt16BE(pos + 2));
    if (type === EXT_SERVER_NAME && data.length > 5 && data[2] === 0) serverName = data.toString('latin1', 5, 5 + data.readUInt16BE(3)).toLowerCase();
    if (type === EXT_ALPN) alpn = parseAlpn(data);
    pos += 4 + data.length;
  }
  return { serverName, alpn };
}

function parseAlpn(data: Buffer): string[] {
  const names: string[] = [];
  for (let pos = 2; pos < data.length; ) {
    const length = data.readUInt8(pos);
    names.push(data.toString('latin1', pos + 1, pos + 1 + length));
    pos += 1 + length;
  }
  return names;
}
