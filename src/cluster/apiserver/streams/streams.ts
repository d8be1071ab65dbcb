/** The streaming subresources of pods: log over plain HTTP; exec, attach and portforward over WebSocket. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Log } from '../../../base/log.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import type { Authorizer } from '../auth/rbac.ts';
import type { StreamCall } from '../http/handler.ts';
import type { PodStreams } from '../pod-streams.ts';
import type { ApiDeps } from '../rest/api.ts';

export interface StreamDeps {
  api: ApiDeps;
  authenticator: Authenticator;
  authorizer: Authorizer;
  log: Log;
  podStreams: () => PodStreams | undefined;
  closed: AbortSignal;
}

export interface Streams {
  /** True when it has answered. */
  serve(call: StreamCall): Promise<boolean>;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): Promise<void>;
}

export function createStreams(_deps: StreamDeps): Streams {
  return {
    serve: async () => false,
    upgrade: (_request, socket) => void socket.destroy(),
    close: async () => {},
  };
}
