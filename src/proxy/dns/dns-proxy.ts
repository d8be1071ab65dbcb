/** Answers the workload's DNS queries: names of the mesh from what the control plane has sent, all others by asking the pod's
 * name servers. Istio: pkg/dns/client. */
import type { Clock } from '../../base/clock.ts';
import { decodeQuery, encodeAnswer, ResponseCode, type Answer } from '../../base/dns/message.ts';
import { createDnsSockets, type Respond } from '../../base/dns/sockets.ts';
import type { Log } from '../../base/log.ts';
import { decodeNameTable } from '../../xds/name-table.ts';
import type { Rejected, ResourceUpdate } from '../runtime-contract.ts';
import { errorText } from '../../base/errors.ts';
import { answerQuestion } from './answer.ts';
import { NameStore } from './name-store.ts';
import type { ResolvConf } from './resolv-conf.ts';
import { createUpstream } from './upstream.ts';

/** Over the loopback nothing is fragmented, but a client must be able to take it. */
const MAX_UDP = 4096;
const MAX_TCP = 0xffff;

export interface DnsCounters {
  requests: number;
  upstreamRequests: number;
  /** Questions that nobody could answer. */
  failures: number;
}

export interface DnsProxyDeps {
  readonly resolver: ResolvConf;
  /** Of the workload. */
  readonly namespace: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the name servers; tests ask elsewhere. Default 53. */
  readonly upstreamPort?: number;
}

export interface DnsProxy {
  start(addresses: readonly string[], port: number): Promise<number>;
  close(): Promise<void>;
  /** Takes name tables. */
  apply(update: ResourceUpdate): Rejected[];
  /** The names have come, though there may be none. */
  readonly isReady: boolean;
  readonly counters: DnsCounters;
  list(): ReturnType<NameStore['list']>;
}

export function createDnsProxy({ resolver, namespace, clock, log, upstreamPort = 53 }: DnsProxyDeps): DnsProxy {
  const store = new NameStore(namespace);
  const upstream = createUpstream({ servers: resolver.nameservers.map((address) => ({ address, port: upstreamPort })), clock });
  const counters: DnsCounters = { requests: 0, upstreamRequests: 0, failures: 0 };
  const names = { store, search: resolver.search };
  let isReady = false;

  const respond: Respond = async (message, transport) => {
    const query = decodeQuery(message);
    if (!query) return malformed(message);
    counters.requests += 1;
    const limit = transport === 'tcp' ? MAX_TCP : Math.min(query.udpSize, MAX_UDP);
    const known = query.opcode === 0 ? answerQuestion(names, query.question, counters.requests) : undefined;
    if (known) return encodeAnswer(query, known, limit);
    counters.upstreamRequests += 1;
    const answer = await upstream.ask(message, transport);
    if (answer) return answer;
    counters.failures += 1;
    return encodeAnswer(query, FAILED, limit);
  };
  const sockets = createDnsSockets(respond, log);
  return {
    counters,
    get isReady() {
      return isReady;
    },
    start: (addresses, port) => sockets.start(addresses, port),
    async close() {
      upstream.close();
      await sockets.close();
    },
    apply(update) {
      isReady = true;
      for (const name of update.removed) store.remove(name);
      return update.upserted.flatMap(({ name, value }) => {
        try {
          store.set(name, decodeNameTable(value));
          return [];
        } catch (error) {
          return [{ name, message: errorText(error) }];
        }
      });
    },
    list: () => store.list(),
  };
}

const FAILED: Answer = { code: ResponseCode.ServerFailure, answers: [], authority: [], additional: [] };

/** A query that cannot be read is answered as such; anything else (an answer, say) with silence, so that two servers never
 * talk to each other. */
function malformed(message: Buffer): Buffer | undefined {
  if (message.length < 12 || ((message[2] ?? 0) & 0x80) !== 0) return undefined;
  const head = Buffer.alloc(12);
  message.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x8000 | (((message[2] ?? 0) & 0x79) << 8) | ResponseCode.FormatError, 2);
  return head;
}
