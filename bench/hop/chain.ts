/** One proxy, or two with mutual TLS between them, in front of an upstream: what every peer is asked to be. */
import type { HopCertificates } from './certificates.ts';
import type { ServerProcess } from '../../src/testkit/server-process.ts';

export interface Plan {
  directory: string;
  /** Where the load generator connects. */
  listenPort: number;
  /** Of the second proxy; only with certificates. */
  middlePort: number;
  upstreamPort: number;
  upstreamPid: number;
  /** With them: two proxies, mutual TLS in the middle. */
  certificates?: HopCertificates;
  /** Default http1. tcp: bytes, not requests. */
  protocol?: 'http1' | 'http2' | 'tcp';
  /** Standard metrics, an access log, one authorization policy, and tracing of one request in a hundred. */
  isFull?: boolean;
  /** Of another upstream, to which `/large` leads. */
  asidePort?: number;
  /** Of plain hops: a listener for each, with so many routes, the last of which is the one that is used. Default: one listener with one. */
  tables?: readonly Table[];
}

export interface Table {
  listenPort: number;
  routes: number;
}

export interface Peer {
  readonly name: string;
  /** Starts the proxies, outermost first. Each uses one worker thread. */
  start(plan: Plan): Promise<ServerProcess[]>;
}

/** The two roles of a hop; a single plain hop is `plain` on both sides. */
export interface Side {
  role: 'client' | 'server';
  listenPort: number;
  targetPort: number;
  listenTls: boolean;
  targetTls: boolean;
}

export function sidesOf(plan: Plan): Side[] {
  if (!plan.certificates) return [{ role: 'client', listenPort: plan.listenPort, targetPort: plan.upstreamPort, listenTls: false, targetTls: false }];
  return [
    { role: 'client', listenPort: plan.listenPort, targetPort: plan.middlePort, listenTls: false, targetTls: true },
    { role: 'server', listenPort: plan.middlePort, targetPort: plan.upstreamPort, listenTls: true, targetTls: false },
  ];
}
