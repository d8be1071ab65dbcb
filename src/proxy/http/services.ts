import type { Clock } from '../../base/clock.ts';
import type { Handshakes } from '../net/handshakes.ts';
import type { OutcomeSink } from '../outcome.ts';
import type { Tracer } from '../tracing.ts';
import type { UpstreamCluster } from '../upstream/cluster.ts';
import type { ManagerSettings } from './manager-settings.ts';

/** Finds clusters by name, as they are now. */
export interface ClusterLookup {
  get(name: string): UpstreamCluster | undefined;
}

/** What the data path shares among all listeners. */
export interface ProxyServices {
  readonly clock: Clock;
  readonly random: () => number;
  readonly outcomes: OutcomeSink;
  readonly tracer?: Tracer;
  readonly clusters: ClusterLookup;
  /** Of the workload, for requests that the proxy makes itself. */
  readonly ownAddress: string;
  /** Whether this workload is about to end. */
  readonly end: { readonly isAnnounced: boolean };
  readonly handshakes: Handshakes;
  /** What TLS tickets of all threads are made with; absent: each TLS server makes its own. */
  readonly ticketSecret?: Uint8Array;
  /** Value for the Date header, remade once a second. */
  date(): string;
}

/** Requests in progress that one connection manager began, wherever their connections have gone since. */
export interface Load {
  begin(): void;
  end(): void;
}

export interface ManagerServices extends ProxyServices {
  readonly settings: ManagerSettings;
  readonly load: Load;
}

/** @returns a function that gives the HTTP date for now */
export function createDateSource(clock: Clock): () => string {
  let second = -1;
  let text = '';
  return () => {
    const now = Math.floor(clock.now() / 1000);
    if (now !== second) {
      second = now;
      text = new Date(now * 1000).toUTCString();
    }
    return text;
  };
}
