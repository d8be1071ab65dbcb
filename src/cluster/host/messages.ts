/** What the processes of a cluster tell each other over Node's IPC channels. */
import type { ClusterInfo } from './cluster-info.ts';

/** How a cluster is to be; made by `up`, handed to the supervisor and on to the inner process. */
export interface ClusterConfig {
  readonly name: string;
  /** What is known of it from outside, and its logs. */
  readonly stateDir: string;
  /** Objects, keys, volumes: what outlives `down` when that is asked for. */
  readonly dataDir: string;
  readonly imageFiles: readonly string[];
  /** Kubeconfig file to write the context to. */
  readonly kubeconfig: string;
  /** Wanted ports on loopback: `api`, or `NAMESPACE/SERVICE:PORT`. */
  readonly ports: Readonly<Record<string, number>>;
}

/** A Service that wants ports on the machine's loopback. */
export interface PublishedService {
  readonly namespace: string;
  readonly name: string;
  readonly address: string;
  readonly ports: readonly { readonly port: number; /** Wanted on the host; another is taken when it is not free. */ readonly wanted: number }[];
}

export interface PublishedPortInfo {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  readonly hostPort: number;
}

export type SupervisorToInner =
  /** Comes with the listening socket of the API server. */
  | { readonly type: 'start'; readonly config: ClusterConfig }
  | { readonly type: 'published'; readonly ports: readonly PublishedPortInfo[] };

export type InnerToSupervisor =
  | { readonly type: 'credentials'; readonly caPem: string; readonly clientCertPem: string; readonly clientKeyPem: string }
  | { readonly type: 'progress'; readonly text: string }
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'publish'; readonly services: readonly PublishedService[] };

export type SupervisorToCli =
  | { readonly type: 'progress'; readonly text: string }
  | { readonly type: 'ready'; readonly info: ClusterInfo }
  | { readonly type: 'failed'; readonly message: string };
