import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { AdmissionChain, UserInfo } from './admission.ts';
import type { PodStreams } from './pod-streams.ts';

export interface ApiServerOptions {
  /** SQLite file that holds the state; default `:memory:`, which forgets. */
  dataFile?: string;
  clock?: Clock;
  log?: Log;
  /** Default: everything is admitted as it is. May also be given later with `setAdmission`, since plugins need the client. */
  admission?: AdmissionChain;
  /** log, exec, attach and portforward of pods; without it they are refused. May be given later with `setPodStreams`. */
  podStreams?: PodStreams;
  /** Range of ClusterIPs; default 10.96.0.0/12. */
  serviceCidr?: string;
  /** Default 30000-32767. */
  nodePorts?: { first: number; last: number };
  /** Bearer tokens that stand for fixed users, by token. */
  tokens?: ReadonlyMap<string, UserInfo>;
  /** Signs service account tokens: PEM of an EC P-256 or RSA private key; default: a fresh EC key. */
  serviceAccountKeyPem?: string;
  /** `iss` of service account tokens; default `https://kubernetes.default.svc.cluster.local`. */
  issuer?: string;
  /** Allows everything to everyone who is authenticated, without RBAC; default false. */
  allowAll?: boolean;
  /** Source of random name suffixes; default Math.random. Tests may fix it. */
  random?: () => number;
}

export interface ApiServer {
  /** The API without sockets: the same admission, validation and storage as for HTTP, as user `system:apiserver`.
   * Returned objects are shared and frozen: clone before changing. */
  readonly client: KubeClient;
  /** The same, on behalf of another user or with another field manager. */
  clientAs(user: UserInfo, fieldManager?: string): KubeClient;
  /** Serves one HTTP request. The composer makes the (TLS) server; client certificates are read from the socket. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Serves WebSocket upgrades of exec, attach, portforward and watch. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  setAdmission(chain: AdmissionChain): void;
  setPodStreams(streams: PodStreams): void;
  /** PEM of the public key that service account tokens verify with. */
  readonly serviceAccountPublicKeyPem: string;
  /** Ends watches and streams, writes what is pending, closes the data file. */
  close(): Promise<void>;
}
