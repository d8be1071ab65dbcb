/** What is answered to a question about a name that the mesh knows. Pure. */
import { RecordType, ResponseCode, type Answer, type Question, type ResourceRecord } from '../../base/dns/message.ts';
import type { KnownName, NameStore } from './name-store.ts';

/** Seconds; Istio: defaultTTLInSeconds. */
export const TTL = 30;
const INTERNET = 1;
/** Hints by which a client could go past the addresses that we give (RFC 9460). */
const SVCB = 64;
const HTTPS = 65;

export interface Names {
  readonly store: NameStore;
  /** Domains that the workload's resolver adds to names. */
  readonly search: readonly string[];
}

/** Undefined: ask somebody else. A known name without an address of the family asked for has no records, and that is
 * final: the upstream must not answer for it.
 * @param turn answers start with another address each time */
export function answerQuestion(names: Names, question: Question, turn: number): Answer | undefined {
  const { type, name } = question;
  if (question.class !== INTERNET || (type !== RecordType.A && type !== RecordType.AAAA && type !== SVCB && type !== HTTPS)) return undefined;
  const lower = name.toLowerCase();
  const known = names.store.find(lower);
  if (known) return answer(addressRecords(name, known, type, turn));
  // A resolver tries each of its search domains before the name that was meant: the first try is told what is meant.
  for (const domain of names.search) {
    if (!lower.endsWith(`.${domain}`)) continue;
    const meant = name.slice(0, -domain.length - 1);
    const found = names.store.find(meant.toLowerCase());
    if (found) return answer([{ name, ttl: TTL, data: { type: 'CNAME', target: meant } }, ...addressRecords(meant, found, type, turn)]);
  }
  return undefined;
}

const answer = (answers: readonly ResourceRecord[]): Answer => ({ code: ResponseCode.NoError, answers, authority: [], additional: [] });

function addressRecords(name: string, known: KnownName, type: number, turn: number): ResourceRecord[] {
  const list = type === RecordType.A ? known.v4 : type === RecordType.AAAA ? known.v6 : [];
  return list.map((_, i) => ({ name, ttl: TTL, data: { type: type === RecordType.A ? 'A' : 'AAAA', address: list[(i + turn) % list.length] ?? new Uint8Array() } }));
}
