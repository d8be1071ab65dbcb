/** Requests that modules make, through the clusters of the proxy. */
import type { Clock } from '../../base/clock.ts';
import { Headers } from '../../codec/headers.ts';
import { fetchThroughCluster, type FetchOptions, type FetchResult } from '../http/fetch.ts';
import type { ClusterLookup } from '../http/services.ts';
import type { OutgoingCall } from './call-context.ts';
import { isField, plainMap, type HeaderMap } from './header-map.ts';

/** What a call was answered; without headers: it was not. */
export interface CallAnswer {
  readonly headers: HeaderMap;
  readonly body: Buffer;
  readonly trailers: HeaderMap;
  readonly counts: readonly [headers: number, bodyBytes: number, trailers: number];
}

const UNANSWERED: CallAnswer = { headers: plainMap(new Headers()), body: Buffer.alloc(0), trailers: plainMap(new Headers()), counts: [0, 0, 0] };

/** At once, of one plugin. */
const MAX_CALLS = 10_000;

export class OutgoingCalls {
  readonly #deps: { readonly clock: Clock; readonly clusters: ClusterLookup };
  #last = 0;
  #open = 0;

  constructor(deps: { readonly clock: Clock; readonly clusters: ClusterLookup }) {
    this.#deps = deps;
  }

  /** @param answered later, once
   * @returns undefined when it is no call that could be made */
  begin(call: OutgoingCall, answered: (token: number, answer: CallAnswer) => void): number | undefined {
    const { clock, clusters } = this.#deps;
    const pseudo = new Map(call.headers.filter(([name]) => name.startsWith(':')));
    const [method, path, authority] = [':method', ':path', ':authority'].map((name) => pseudo.get(name) ?? '');
    if (!method || !path?.startsWith('/') || !authority || !clusters.get(call.cluster) || this.#open >= MAX_CALLS) return undefined;
    const url = URL.parse(`http://${authority}${path}`);
    if (!url || !/^[A-Z]+$/.test(method)) return undefined;
    const headers = new Headers();
    for (const [name, value] of call.headers) {
      if (name.startsWith(':') || name === 'host' || name === 'content-length') continue;
      if (!isField(name, value)) return undefined;
      headers.add(name, value);
    }
    if (call.body.length > 0) headers.add('content-length', String(call.body.length));
    this.#last = (this.#last % 0x7fff_ffff) + 1;
    const token = this.#last;
    this.#open++;
    const options = { cluster: call.cluster, url: url.href, method, headers, ...(call.body.length > 0 ? { body: call.body } : {}), timeoutMs: call.timeoutMs, clusters, clock };
    void this.#make(options, (answer) => answered(token, answer));
    return token;
  }

  async #make(options: FetchOptions, tell: (answer: CallAnswer) => void): Promise<void> {
    const answer = await fetchThroughCluster(options).then(answerOf, () => UNANSWERED);
    this.#open--;
    tell(answer);
  }
}

function answerOf({ status, headers, body, trailers }: FetchResult): CallAnswer {
  const ends = trailers ?? new Headers();
  return { headers: plainMap(headers, [[':status', String(status)]]), body, trailers: plainMap(ends), counts: [headers.list.length / 3 + 1, body.length, ends.list.length / 3] };
}
