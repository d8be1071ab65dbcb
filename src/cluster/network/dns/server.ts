/** The cluster's DNS server, UDP and TCP. */
import { decodeQuery, encodeAnswer, ResponseCode, type Answer, type Query } from '../../../base/dns/message.ts';
import { createDnsSockets, type DnsSockets } from '../../../base/dns/sockets.ts';
import type { Log } from '../../../base/log.ts';
import { answerQuestion, type ZoneView } from './zone.ts';

const MAX_UDP = 1232;
const MAX_TCP = 0xffff;

/** Names that are not the cluster's own do not exist for it: pods have no way to the outside, so that a fast "no such
 * name" is the truth, and resolvers do not wait for a server that cannot be reached. */
export function createDnsServer(view: ZoneView, log: Log): DnsSockets {
  return createDnsSockets(async (message, transport) => {
    const query = decodeQuery(message);
    return query && encodeAnswer(query, respond(view, query), transport === 'udp' ? Math.min(query.udpSize, MAX_UDP) : MAX_TCP);
  }, log);
}

function respond(view: ZoneView, query: Query): Answer {
  const nothing = { answers: [], authority: [], additional: [] };
  if (query.opcode !== 0) return { code: ResponseCode.NotImplemented, ...nothing };
  return answerQuestion(view, query.question) ?? { code: ResponseCode.NameError, ...nothing };
}
