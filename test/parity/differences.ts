/** Where we mean to differ from Envoy, and why. A scenario that stops to differ fails until it is removed from here. */
export interface Difference {
  /** Paths of what is observed, e.g. `[0].answer.headers.x-a`; all that begins so may differ, everything else must be equal. */
  readonly at: readonly string[];
  readonly why: string;
}

const LATE = 'node:tls lets us look at a client’s certificate after the handshake only, when an alert can no longer be sent: we close';

const TOO_MANY = 'Envoy resets the stream without a word; we answer 431 as on HTTP/1, so that the client learns what to change';

const REFUSED_FIRST = 'Envoy connects to the application, and reads, before its RBAC filter looks; we refuse first, so that nothing of the application is seen';
const notConnected = (log: 'log' | 'nextLog'): string[] => ['attempts', 'cluster', 'received', 'upstream'].map((field) => `[0].${log}.${field}`);

export const DIFFERENCES: Readonly<Record<string, Difference>> = {
  'MUTUAL asks for a certificate that its roots vouch for': { at: ['[1].answer.end'], why: LATE },
  'a client’s names can be limited': { at: ['[0].answer.end'], why: LATE },
  'an expectation that nobody knows': {
    at: ['[0]'],
    why: 'RFC 9110 §10.1.1: who cannot meet an expectation answers 417; passing it on makes two readers disagree about whether a body follows',
  },
  'more fields than may be: HTTP/2': { at: ['[0].answer', '[0].log'], why: TOO_MANY },
  'more fields than may be: two proxies, HTTP/2': { at: ['[0].answer', '[0].log'], why: TOO_MANY },
  'a TCP connection that a policy denies': { at: notConnected('nextLog'), why: REFUSED_FIRST },
  'own answers: bytes that no policy allows': { at: notConnected('log'), why: REFUSED_FIRST },
  'own answers: bytes that a policy denies': { at: notConnected('log'), why: REFUSED_FIRST },
  'own answers: bytes that no policy of a gateway allows': { at: notConnected('log'), why: REFUSED_FIRST },
  'no retries with 0 attempts': {
    at: ['[1]'],
    why: 'a server may close a kept-alive connection just as a request is sent by it: an idempotent request then goes out once more by a new one (RFC 9110 §9.2.2), as clients themselves do; Envoy answers 503',
  },
};
