import type { Clock } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Node } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import type { GrpcPeer, GrpcService } from '../../grpc/call.ts';
import type { WorkloadIdentity } from '../../pki/spiffe.ts';
import { createAdsService, type AdsAdmission } from '../../xds/ads-server.ts';
import { createDoubts } from '../../xds/doubts.ts';
import type { Doubts, Refusal } from '../../xds/refusals.ts';
import type { AdsSession } from '../../xds/session.ts';
import type { TypeStatus } from '../../xds/type-stream.ts';
import { shortType } from '../../xds/type-urls.ts';
import type { Origin } from '../registry/origin.ts';
import { isEmptyDiff, type MeshSnapshot } from '../registry/snapshot.ts';
import { readProxy, type Proxy } from '../translate/proxy.ts';
import type { Generator } from '../generate/generator.ts';
import type { Machines, Registration } from '../machines/machines.ts';
import type { Refused } from '../machines/register.ts';
import { Census, type Counted } from './census.ts';
import { holdersOf } from './holders.ts';
import type { PilotMetrics } from './metrics.ts';
import { PushQueue, type Pushed } from './push-queue.ts';

/** Who may connect as whom. Undefined: anybody, as on the plaintext port. */
export interface Authenticator {
  /** The caller's service account, or why it is not known. */
  callerOf(peer: GrpcPeer): Promise<{ identity: WorkloadIdentity } | { reason: string; unavailable?: boolean }>;
}

export interface ConnectedProxy {
  readonly proxy: Proxy;
  readonly peer: string;
  readonly connectedAtMs: number;
  status(): TypeStatus[];
  /** Number of the newest snapshot of which it has answered everything. */
  readonly settledAt: number;
  /** What it was sent last and did not take. */
  refusals(): readonly Refusal[];
}

export type ProxyEvent = 'connected' | 'disconnected' | 'settled' | 'refused';

export interface Discovery {
  /** An ADS service; several may share the connections, one for each way of authenticating. */
  service(authenticator?: Authenticator): GrpcService;
  /** Sends what the new snapshot changes to those whom it concerns, in the turns of the event loop that follow.
   * @param done everybody has been told, except who has not answered yet what went before */
  push(snapshot: MeshSnapshot, done?: () => void): void;
  /** Somebody is to be told still, or has not answered. */
  readonly isPushing: boolean;
  connections(): readonly ConnectedProxy[];
  /** Tells whether a proxy holds something that was made from the object; to be asked of many proxies at once. */
  holdersOf(origin: Origin): (proxy: ConnectedProxy) => boolean;
  census(): Census;
  /** Tells how proxies come along. */
  watch(listener: (event: ProxyEvent, connection: ConnectedProxy) => void): void;
  close(): void;
}

interface Connection extends Counted, Pushed {}

export interface DiscoveryDeps {
  readonly generator: Generator;
  readonly metrics: PilotMetrics;
  /** Registers machines that connect; default: nobody does. */
  readonly machines?: Pick<Machines, 'admit'>;
  readonly clock: Clock;
  readonly log: Log;
}

export function createDiscovery(deps: DiscoveryDeps): Discovery {
  const { generator, metrics, machines, clock, log } = deps;
  const connections = new Set<Connection>();
  let listed: readonly Connection[] | undefined;
  const queue = new PushQueue<Connection>({
    clock,
    soon: (run) => void setImmediate(run),
    failed: ({ proxy }, error) => log.error('a proxy could not be told of a change; it keeps what it has', { proxy: proxy.id, error: errorText(error) }),
  });
  /** By the programs that proxies say they are. */
  const doubts = new Map<string, Doubts>();
  /** Number of the newest snapshot. */
  let newest = generator.snapshot.number;
  /** Number of the newest snapshot that was another for somebody. */
  let effective = newest;
  let tell: (event: ProxyEvent, connection: ConnectedProxy) => void = () => {};

  const doubtsOf = (node: Node): Doubts => {
    const named = programOf(node);
    const program = doubts.has(named) || doubts.size < MAX_PROGRAMS ? named : 'other';
    const shared = doubts.get(program) ?? createDoubts();
    doubts.set(program, shared);
    return shared;
  };

  const admit = (authenticator: Authenticator | undefined) => async (node: Node, session: AdsSession, peer: GrpcPeer): Promise<AdsAdmission> => {
    const read = readProxy(node);
    if ('error' in read) return { refuse: 'InvalidArgument', reason: read.error };
    const admission = await admitProxy(read.proxy, { authenticator, peer, machines });
    if ('refuse' in admission) {
      log.warn('xDS client refused', { proxy: read.proxy.id, peer: peer.address, reason: admission.reason });
      return admission;
    }
    const { proxy, registration } = admission;
    const connection: Connection = {
      proxy, session, peer: peer.address, connectedAtMs: clock.now(),
      get settledAt() {
        const { answeredAt } = session;
        return answeredAt >= effective ? newest : answeredAt;
      },
      get isReady() {
        return session.isSettled;
      },
      push: () => session.notify(),
      status: () => session.status(),
      refusals: () => session.refusals(),
    };
    const view = generator.viewOf(proxy);
    connections.add(connection);
    listed = undefined;
    const shared = doubtsOf(node);
    metrics.connections(connections.size);
    log.info('proxy connected', { proxy: proxy.id, peer: peer.address });
    tell('connected', connection);
    return {
      client: {
        source: { target: () => view.target(), absent: (typeUrl, name) => generator.absent(typeUrl, name) },
        events: {
          sent: (typeUrl, facts) => metrics.sent(shortType(typeUrl), facts.bytes),
          refused: (typeUrl, message) => {
            metrics.refused(shortType(typeUrl));
            log.warn('proxy refused configuration', { proxy: proxy.id, type: shortType(typeUrl), message });
            tell('refused', connection);
          },
          settled: () => {
            queue.ready(connection);
            tell('settled', connection);
          },
          stalled: () => log.warn('proxy does not answer; going on without it', { proxy: proxy.id }),
        },
        doubts: shared,
        health: (report) => registration?.health(report),
        closed: () => {
          if (!connections.delete(connection)) return;
          registration?.left();
          listed = undefined;
          queue.remove(connection);
          metrics.connections(connections.size);
          log.info('proxy disconnected', { proxy: proxy.id });
          tell('disconnected', connection);
        },
      },
    };
  };

  return {
    service: (authenticator) => createAdsService({ admit: admit(authenticator), clock }),
    push(snapshot, done = () => {}) {
      const startedMs = clock.monotonic();
      const before = generator.snapshot;
      generator.use(snapshot);
      const diff = generator.changesSince(before);
      newest = snapshot.number;
      // Whoever has answered everything so far has answered this too.
      if (isEmptyDiff(diff)) return done();
      effective = newest;
      queue.add(connections, () => {
        metrics.pushed(diff.config.size > 0 ? 'config' : 'endpoint', (clock.monotonic() - startedMs) / 1000);
        log.debug('pushed', () => ({ version: snapshot.version, proxies: connections.size, config: [...diff.config], endpoints: diff.endpoints.size, ms: clock.monotonic() - startedMs }));
        done();
      });
    },
    get isPushing() {
      return queue.isBusy;
    },
    connections: () => (listed ??= [...connections]),
    holdersOf(origin) {
      const holds = holdersOf(origin, generator.origins.get(origin));
      // It is one of ours.
      return (connection) => holds((connection as Connection).session);
    },
    census: () => new Census((listed ??= [...connections]), generator.origins),
    watch: (listener) => void (tell = listener),
    close: () => queue.close(),
  };
}

/** Name and version, as far as the node tells: what one refuses another of its kind refuses. */
function programOf({ userAgentName, userAgentVersionType }: Node): string {
  const { case: kind, value } = userAgentVersionType;
  const version = kind === 'userAgentBuildVersion' ? JSON.stringify(value.version) : (value ?? '');
  return `${userAgentName} ${version}`;
}

/** Whoever invents programs without end shares the last with others. */
const MAX_PROGRAMS = 20;

interface Gate {
  readonly authenticator: Authenticator | undefined;
  readonly peer: GrpcPeer;
  readonly machines: DiscoveryDeps['machines'];
}

/** Whether the caller may be this proxy; of a machine, whether it has its entry now. */
async function admitProxy(proxy: Proxy, { authenticator, peer, machines }: Gate): Promise<Refused | { proxy: Proxy; registration?: Registration }> {
  const caller = await authenticator?.callerOf(peer);
  if (caller && 'reason' in caller) return { refuse: caller.unavailable ? 'Unavailable' : 'Unauthenticated', reason: caller.reason };
  const identity = caller?.identity;
  if (identity && identity.namespace !== proxy.namespace) return { refuse: 'PermissionDenied', reason: `the caller's service account is of namespace ${identity.namespace}, but the node says ${proxy.namespace}` };
  return proxy.machine && machines ? machines.admit(proxy, identity) : { proxy };
}
