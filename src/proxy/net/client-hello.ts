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

/** Joins records until the first handshake message is whole. They are joined once: a peer may send a byte in each. */
function handshakeMessage(bytes: Buffer): Buffer | 'more' | 'not-tls' {
  const parts: Buffer[] = [];
  let size = 0;
  let wanted: number | undefined;
  for (let pos = 0; pos + 5 <= bytes.length; ) {
    const length = bytes.readUInt16BE(pos + 3);
    // RFC 8446 §5.1: no empty fragments of a handshake; they would go on for ever.
    if (bytes[pos] !== HANDSHAKE || length === 0) return 'not-tls';
    const part = bytes.subarray(pos + 5, pos + 5 + length);
    parts.push(part);
    size += part.length;
    if (wanted === undefined && size >= 4) {
      const head = joined(parts);
      if (head[0] !== CLIENT_HELLO) return 'not-tls';
      wanted = head.readUIntBE(1, 3);
      if (wanted > MAX_HELLO) return 'not-tls';
    }
    if (wanted !== undefined && size >= wanted + 4) return joined(parts).subarray(4, 4 + wanted);
    if (part.length < length) return 'more';
    pos += 5 + length;
  }
  return 'more';
}

const joined = (parts: readonly Buffer[]): Buffer => (parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts));

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
