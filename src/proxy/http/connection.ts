/** What is known of one client connection, for all requests on it. */
import type { ConnectionFacts, Reporter } from '../outcome.ts';
import type { ConnectionView } from '../net/chain-match.ts';
import type { SocketAddress } from '../runtime-contract.ts';

export interface PeerCertificate {
  readonly uri?: string;
  readonly dns: readonly string[];
  /** Hex SHA-256 of the DER form. */
  readonly sha256: string;
  readonly subject: string;
  /** PEM. */
  readonly pem: string;
}

export interface DownstreamConnection {
  readonly facts: ConnectionFacts;
  readonly remote: SocketAddress;
  /** Who is really at the other end, when `remote` was told by a PROXY header. */
  readonly direct?: SocketAddress;
  readonly local: SocketAddress;
  /** Of a redirected connection; otherwise `local`. */
  readonly originalDestination: SocketAddress;
  /** How it was matched with a filter chain. */
  readonly view: ConnectionView;
  readonly secure: boolean;
  /** The client's verified certificate. */
  readonly certificate?: PeerCertificate;
  readonly reporter: Reporter;
  /** Name of the filter chain, or else of the listener. */
  readonly listener: string;
}
