/** TLS in front of a gRPC server: asks for a client certificate without insisting on one (a first certificate request has none, a
 * renewal may), and takes a new serving certificate without dropping connections. */
import { createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Log } from '../../base/log.ts';
import type { GrpcServer } from '../../grpc/server.ts';
import type { ServingCertificate } from './serving-certificate.ts';

export interface TlsFront {
  /** Resolves with the port. */
  listen(port: number, host?: string): Promise<number>;
  close(): Promise<void>;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;

export function createTlsFront(deps: { server: Pick<GrpcServer, 'accept'>; serving: ServingCertificate; log: Log }): TlsFront {
  const { server, serving, log } = deps;
  const sockets = new Set<TLSSocket>();
  const context = () => {
    const { certificatePem, keyPem } = serving.current();
    return { cert: certificatePem, key: keyPem, ca: serving.rootPem };
  };
  const front = createServer({ ...context(), requestCert: true, rejectUnauthorized: false, ALPNProtocols: ['h2'], handshakeTimeout: HANDSHAKE_TIMEOUT_MS, minVersion: 'TLSv1.2' });
  front.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.setNoDelay(true);
    server.accept(socket);
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
        front.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
