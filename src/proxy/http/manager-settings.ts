import type { Cidr } from '../../base/cidr.ts';
import type { AccessLogSettings } from '../outcome.ts';
import type { PathRules } from '../route/path.ts';
import type { TracingSettings } from '../tracing.ts';
import type { Http2Options } from '../config/http2-options.ts';
import type { RouteTable } from '../config/routes.ts';
import type { HttpFilter } from './filter.ts';
import type { ReplyMapper } from './local-reply.ts';

/** Where the routes come from now: fixed, or the newest accepted RDS resource. */
export interface RouteSource {
  /** RDS name; undefined when the routes are inline. */
  readonly name: string | undefined;
  current(): RouteTable | undefined;
}

export type ForwardCert = 'sanitize' | 'forward-only' | 'append-forward' | 'sanitize-set' | 'always-forward-only';

/** An HTTP connection manager's configuration, compiled. Defaults are Envoy's. */
export interface ManagerSettings {
  readonly statPrefix: string;
  readonly codec: 'auto' | 'http1' | 'http2';
  readonly routes: RouteSource;
  readonly filters: readonly HttpFilter[];
  readonly serverName: string;
  readonly serverHeader: 'overwrite' | 'append' | 'pass';
  readonly useRemoteAddress: boolean;
  readonly trustedHops: number;
  /** Clients from there may steer the router by headers. Envoy's default: nobody. */
  readonly internalRanges: readonly Cidr[];
  readonly skipXffAppend: boolean;
  /** x-forwarded-port says which port the client called. Envoy: `append_x_forwarded_port`. */
  readonly tellsPort: boolean;
  /** The router's own headers are written: time of the server, deadline, what was rewritten. Envoy: not `suppress_envoy_headers`. */
  readonly tellsRouting: boolean;
  readonly forwardCert: ForwardCert;
  readonly certDetails: { readonly subject: boolean; readonly cert: boolean; readonly dns: boolean; readonly uri: boolean };
  readonly generateRequestId: boolean;
  readonly preserveRequestId: boolean;
  readonly requestIdInResponse: boolean;
  readonly paths: PathRules;
  readonly stripPort: 'none' | 'matching' | 'any';
  readonly upgrades: ReadonlySet<string>;
  readonly acceptHttp10: boolean;
  /** HTTP/1 trailers pass. */
  readonly http1Trailers: boolean;
  /** Expectations and interim responses (100, 103) pass; otherwise the proxy itself answers 100 and swallows the others. */
  readonly proxiesInterim: boolean;
  /** Clients may open tunnels in HTTP/2 streams (RFC 8441). */
  readonly allowConnect: boolean;
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  readonly streamIdleMs: number;
  /** For the whole request; 0: no limit, as with those that follow. */
  readonly requestTimeoutMs: number;
  /** For its head. Envoy: request_headers_timeout. */
  readonly headTimeoutMs: number;
  /** For an exchange whose route says nothing. */
  readonly maxStreamMs: number;
  readonly connectionIdleMs: number;
  readonly maxConnectionMs: number;
  /** How long a client may take to end a connection that was ended here; 0: it is not waited for. Envoy: delayed_close_timeout. */
  readonly closeDelayMs: number;
  readonly via: string;
  /** 0: no limit. */
  readonly maxRequestsPerConnection: number;
  /** HTTP/2: how long streams that were under way when the client was told to go are still taken. Envoy: drain_timeout. */
  readonly drainMs: number;
  readonly http2: Http2Options;
  readonly tracing?: TracingSettings;
  readonly accessLogs: readonly AccessLogSettings[];
  /** Of answers made here; the first that applies counts. */
  readonly replyMappers: readonly ReplyMapper[];
  /** Fails requests whose header names contain an underscore, or drops those headers. */
  readonly underscores: 'allow' | 'reject' | 'drop';
}
