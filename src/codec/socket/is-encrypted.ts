import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

/** Node: `tlsSocket.encrypted` is there to tell it from other sockets. Its class would have to be loaded to be asked, and a proxy
 * may have no TLS to do yet. */
export const isEncrypted = (stream: Duplex): stream is TLSSocket => 'encrypted' in stream;
