/** TLS in front of a grpc-js server: asks for a client certificate without insisting on one (a first certificate request
 * has none, a renewal may), and takes a new serving certificate without dropping connections. grpc-js' own server
 * credentials can do neither, so sockets are handed to it after the handshake. */
import { createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import type { Server } from '@grpc/grpc-js';
import type { Log } from '../../base/log.ts';
import type { ServingCertificate } from './serving-certificate.ts';

export interface TlsFront {
  /** Resolves with the port. */
  listen(port: number, host?: string): Promise<number>;
  close(): Promise<void>;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;

export function createTlsFront(deps: { server: Server; serving: ServingCertificate; log: Log }): TlsFront {
  const { server, serving, log } = deps;
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<TLSSocket>();
  const context = () => {
    const { certificatePem, keyPem } = serving.current();
    return { cert: certificatePem, key: keyPem, ca: serving.rootPem };
  };
  const front = createServer({ ...context(), requestCert: true, rejectUnauthorized: false, ALPNProtocols: ['h2'], handshakeTimeout: HANDSHAKE_TIMEOUT_MS, minVersion: 'TLSv1.2' });
  front.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    injector.injectConnection(socket);
  });
  front.on('tlsClientError', (error, socket) => {
    log.debug('TLS handshake failed', { error, peer: socket.remoteAddress });
    socket.destroy();
  });
  const stop = serving.onChange(() => front.setSecureContext(context()));
  return {
    listen: (port, host = '0.0.0.0') =>
      new Promise((resolve, reject) => {
        front.once('error', reject);
        front.listen(port, host, () => {
          front.off('error', reject);
          // A TCP server's address is never a path.
          resolve((front.address() as AddressInfo).port);
        });
      }),
    close: () =>
      new Promise((resolve) => {
        stop();
        injector.destroy();
        front.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
