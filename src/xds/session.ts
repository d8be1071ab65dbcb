import type { Clock, Timer } from '../base/clock.ts';
import { decideDelta, type DeltaRequest } from './delta.ts';
import { Refusals, type Refusal } from './refusals.ts';
import type { EncodedResource, Held } from './resource.ts';
import { decideSotw, type SotwRequest } from './sotw.ts';
import type { Decision, Subscription } from './subscription.ts';
import { PUSH_ORDER, TypeUrl, isWildcardType } from './type-urls.ts';
import { encodeDeltaResponse, encodeSotwResponse } from './wire.ts';

/** Where a session finds the resources of its client. */
export interface ResourceSource {
  /** What the client should hold now: everything meant for it ('all'), or those of the given names that exist.
   * @param names asked for; the source may leave out names that it does not know */
  resources(typeUrl: string, names: ReadonlySet<string> | 'all'): ReadonlyMap<string, EncodedResource>;
  /** Version of the configuration as a whole, for humans. */
  version(): string;
}

export interface SessionEvents {
  sent?(typeUrl: string, facts: { resources: number; removed: number; bytes: number }): void;
  acked?(typeUrl: string): void;
  refused?(typeUrl: string, message: string): void;
  /** Waiting for a client that does not answer was given up for this push. */
  stalled?(): void;
  /** The client has taken everything that it is to hold by now. */
  settled?(): void;
}

export interface SessionDeps {
  mode: 'sotw' | 'delta';
  source: ResourceSource;
  write(message: Uint8Array): void;
  clock: Clock;
  events?: SessionEvents;
  /** How long later types wait for the answer to new clusters; default 3000 ms. */
  gateMs?: number;
}

/** Which resources may have changed: names, or 'all', by type. */
export type Change = ReadonlyMap<string, ReadonlySet<string> | 'all'>;

export interface TypeStatus {
  typeUrl: string;
  names: number;
  nonceSent: string;
  nonceAcked: string;
  waiting: boolean;
  /** Something that may have changed has not been sent yet: it waits for the client's answer to what goes before it. */
  behind: boolean;
  error?: string;
  sentAtMs: number;
  ackedAtMs: number;
}

interface TypeState {
  sub: Subscription;
  /** May differ from what the client holds. */
  dirty: Set<string> | 'all' | undefined;
  /** Must be answered even when unchanged. */
  owed: Set<string> | 'all' | undefined;
  /** State of the world only: what was sent last, to be able to keep sending clusters whose removal is held. */
  held: Map<string, EncodedResource>;
  readonly refusals: Refusals;
  sentAtMs: number;
  ackedAtMs: number;
}

/** One client's stream, without the transport. Level-triggered: every request and every change calls `advance`, which
 * sends what can be sent now. The order is make before break: new clusters and their endpoints must have been taken
 * before listeners and routes are sent; clusters are removed only when listeners and routes have been taken.
 * A type whose last response is not answered yet gets no further one: changes merge while the client is busy. */
export class AdsSession {
  readonly #deps: SessionDeps;
  readonly #types = new Map<string, TypeState>();
  /** EDS resources of clusters that the client saw for the first time and whose endpoints it has not taken yet. */
  readonly #awaitingEndpoints = new Set<string>();
  /** EDS resources of clusters that changed: Envoy warms a changed cluster as it does a new one, but does not ask for endpoints
   * that it holds already. Without them it stays with the old cluster, and acknowledges nothing. */
  readonly #endpointsAgain = new Set<string>();
  #holdsRemovals = false;
  #gate: Timer | undefined;
  #nonce = 0;
  #isClosed = false;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
  }

  receiveDelta(request: DeltaRequest): Decision {
    return this.#take(request.typeUrl, (before) => decideDelta(before, request));
  }

  receiveSotw(request: SotwRequest): Decision {
    return this.#take(request.typeUrl, (before) => decideSotw(before, request));
  }

  /** Tells that resources may have changed; sends what did. */
  notify(change: Change): void {
    for (const [typeUrl, names] of change) {
      const state = this.#types.get(typeUrl);
      if (state) state.dirty = join(state.dirty, names);
    }
    this.#advance();
  }

  subscribed(typeUrl: string): boolean {
    return this.#types.has(typeUrl);
  }

  /** What the client holds, or was sent last, of one name. */
  held(typeUrl: string, name: string): Held | undefined {
    return this.#types.get(typeUrl)?.sub.sent.get(name);
  }

  /** True when nothing is to be sent, and all that was sent has been answered: what the source says is in force at the client,
   * except what it has refused. */
  get isSettled(): boolean {
    if (this.#types.size === 0 || this.#holdsRemovals || this.#awaitingEndpoints.size > 0) return false;
    if (this.#endpointsAgain.size > 0 && this.#types.has(TypeUrl.Endpoints)) return false;
    for (const { dirty, owed, refusals } of this.#types.values()) if (dirty !== undefined || owed !== undefined || !refusals.isAnswered) return false;
    return true;
  }

  /** Resources that the client was sent last and did not take. */
  refusals(): Refusal[] {
    return [...this.#types.values()].flatMap(({ refusals }) => [...refusals.all]);
  }

  status(): TypeStatus[] {
    return [...this.#types.values()].map(({ sub, dirty, owed, sentAtMs, ackedAtMs }) => ({
      typeUrl: sub.typeUrl, names: sub.sent.size, nonceSent: sub.nonce, nonceAcked: sub.ackedNonce,
      waiting: sub.waiting, behind: dirty !== undefined || owed !== undefined, error: sub.error, sentAtMs, ackedAtMs,
    }));
  }

  close(): void {
    this.#isClosed = true;
    this.#gate?.cancel();
  }

  #take(typeUrl: string, decide: (before: Subscription | undefined) => Decision): Decision {
    const state = this.#types.get(typeUrl);
    const decision = decide(state?.sub);
    const { subscription: sub, kind, answer } = decision;
    if (state) {
      state.sub = sub;
      if (answer) state.owed = join(state.owed, answer);
    } else {
      this.#types.set(typeUrl, { sub, dirty: undefined, owed: answer === 'all' ? 'all' : undefined, held: new Map(), refusals: new Refusals(), sentAtMs: 0, ackedAtMs: 0 });
    }
    const now = this.#types.get(typeUrl);
    if (now && (kind === 'ack' || kind === 'nack')) {
      now.ackedAtMs = this.#deps.clock.now();
      if (kind === 'ack') now.refusals.acked();
      else now.refusals.nacked(sub.error ?? '');
    }
    this.#report(typeUrl, decision);
    this.#advance();
    return decision;
  }

  #report(typeUrl: string, decision: Decision): void {
    if (decision.kind === 'ack') this.#deps.events?.acked?.(typeUrl);
    if (decision.kind === 'nack') this.#deps.events?.refused?.(typeUrl, decision.subscription.error ?? '');
  }

  #advance(): void {
    if (this.#isClosed) return;
    this.#sendAll();
    if (this.isSettled) this.#deps.events?.settled?.();
  }

  #sendAll(): void {
    this.#send(TypeUrl.Cluster);
    this.#send(TypeUrl.Endpoints);
    if (!this.#clustersTaken()) return this.#armGate();
    for (const typeUrl of PUSH_ORDER.slice(2)) this.#send(typeUrl);
    for (const typeUrl of this.#types.keys()) if (!PUSH_ORDER.includes(typeUrl)) this.#send(typeUrl);
    if (!this.#holdsRemovals) return this.#disarmGate();
    if (this.#isWaiting(TypeUrl.Listener) || this.#isWaiting(TypeUrl.Route)) return this.#armGate();
    this.#disarmGate();
    this.#removeClusters();
  }

  #clustersTaken(): boolean {
    if (this.#isWaiting(TypeUrl.Cluster) && this.#awaitingEndpoints.size > 0) return false;
    const endpoints = this.#types.get(TypeUrl.Endpoints);
    if (!endpoints || this.#awaitingEndpoints.size === 0) {
      if (!this.#isWaiting(TypeUrl.Cluster)) this.#awaitingEndpoints.clear();
      return true;
    }
    if (!endpoints.sub.waiting) {
      for (const name of this.#awaitingEndpoints) if (endpoints.sub.sent.has(name)) this.#awaitingEndpoints.delete(name);
    }
    return this.#awaitingEndpoints.size === 0;
  }

  #isWaiting(typeUrl: string): boolean {
    return this.#types.get(typeUrl)?.sub.waiting === true;
  }

  /** A client that never answers must not be cut off from changes for ever. */
  #armGate(): void {
    if (this.#gate) return;
    this.#gate = this.#deps.clock.after(this.#deps.gateMs ?? 3000, () => {
      this.#gate = undefined;
      this.#awaitingEndpoints.clear();
      for (const typeUrl of [TypeUrl.Cluster, TypeUrl.Listener, TypeUrl.Route]) {
        const state = this.#types.get(typeUrl);
        if (state?.sub.waiting) state.sub = { ...state.sub, waiting: false };
      }
      this.#deps.events?.stalled?.();
      this.#advance();
    });
    this.#gate.unref();
  }

  #disarmGate(): void {
    this.#gate?.cancel();
    this.#gate = undefined;
  }

  #send(typeUrl: string): void {
    const state = this.#types.get(typeUrl);
    if (!state || state.sub.waiting) return;
    const again = typeUrl === TypeUrl.Endpoints ? this.#takeEndpointsAgain(state) : NONE;
    if (state.dirty === undefined && state.owed === undefined && again.size === 0) return;
    const { owed } = state;
    const scope = owed === 'all' || state.dirty === 'all' ? 'all' : union(owed, inScope(state)).union(again);
    state.dirty = undefined;
    state.owed = undefined;
    const { sub } = state;
    const wanted = this.#deps.source.resources(typeUrl, scope === 'all' ? (sub.wildcard ? 'all' : sub.names) : scope);
    const isOwed = (name: string) => owed !== undefined && owed !== 'all' && owed.has(name);
    const upserts = [...wanted.values()].filter((r) => isOwed(r.name) || again.has(r.name) || this.#differs(sub, r));
    const removed = missing(scope, sub, wanted);
    if (owed && owed !== 'all') for (const name of owed) if (!wanted.has(name) && !removed.includes(name)) removed.push(name);
    if (this.#deps.mode === 'sotw') return this.#sendSotw(state, { wanted, upserts, removed, scope, mustAnswer: owed !== undefined });
    this.#sendDelta(state, { upserts, removed, mustAnswer: owed !== undefined });
  }

  /** Equal content may be made from other objects than before. */
  #differs({ sent }: Subscription, resource: EncodedResource): boolean {
    const held = sent.get(resource.name);
    if (held?.version !== resource.version) return true;
    if (held !== resource) sent.set(resource.name, resource);
    return false;
  }

  #sendDelta(state: TypeState, parts: { upserts: EncodedResource[]; removed: string[]; mustAnswer: boolean }): void {
    const isCluster = state.sub.typeUrl === TypeUrl.Cluster;
    if (isCluster) this.#noteClusters(state, parts.upserts);
    const removed = isCluster && parts.removed.length > 0 && this.#hasReferrers() ? [] : parts.removed;
    if (removed !== parts.removed) this.#holdsRemovals = true;
    if (parts.upserts.length === 0 && removed.length === 0 && !parts.mustAnswer) return;
    this.#writeDelta(state, parts.upserts, removed);
  }

  #writeDelta(state: TypeState, upserts: readonly EncodedResource[], removed: readonly string[]): void {
    const { typeUrl, sent } = state.sub;
    for (const r of upserts) sent.set(r.name, r);
    for (const name of removed) sent.delete(name);
    const nonce = this.#nextNonce();
    state.refusals.sent(upserts, removed);
    const resources = upserts.map((r) => r.delta);
    this.#write(state, nonce, encodeDeltaResponse({ typeUrl, nonce, version: this.#deps.source.version(), resources, removed }), { resources: upserts.length, removed: removed.length });
  }

  #sendSotw(state: TypeState, parts: { wanted: ReadonlyMap<string, EncodedResource>; upserts: EncodedResource[]; removed: string[]; scope: ReadonlySet<string> | 'all'; mustAnswer: boolean }): void {
    const { sub } = state;
    const isWhole = isWildcardType(sub.typeUrl);
    if (sub.typeUrl === TypeUrl.Cluster) this.#noteClusters(state, parts.upserts);
    if (parts.upserts.length === 0 && !parts.mustAnswer && !(isWhole && parts.removed.length > 0)) return;
    const body = isWhole || (parts.mustAnswer && parts.scope === 'all') ? new Map(parts.wanted) : new Map(parts.upserts.map((r) => [r.name, r]));
    if (sub.typeUrl === TypeUrl.Cluster && parts.removed.length > 0 && this.#hasReferrers()) {
      this.#holdsRemovals = true;
      for (const name of parts.removed) {
        const old = state.held.get(name);
        if (old) body.set(name, old);
      }
      if (parts.upserts.length === 0 && !parts.mustAnswer) return;
    }
    this.#writeSotw(state, body);
  }

  #writeSotw(state: TypeState, body: Map<string, EncodedResource>): void {
    const { typeUrl, sent } = state.sub;
    if (isWildcardType(typeUrl)) sent.clear();
    for (const r of body.values()) sent.set(r.name, r);
    if (typeUrl === TypeUrl.Cluster) state.held = body;
    const nonce = this.#nextNonce();
    state.refusals.sent([...body.values()]);
    const resources = [...body.values()].map((r) => r.any);
    this.#write(state, nonce, encodeSotwResponse({ typeUrl, nonce, version: this.#deps.source.version(), resources }), { resources: body.size, removed: 0 });
  }

  #removeClusters(): void {
    const state = this.#types.get(TypeUrl.Cluster);
    if (!state || state.sub.waiting) return;
    this.#holdsRemovals = false;
    const wanted = this.#deps.source.resources(TypeUrl.Cluster, state.sub.wildcard ? 'all' : state.sub.names);
    const removed = [...state.sub.sent.keys()].filter((name) => !wanted.has(name));
    if (removed.length === 0) return;
    if (this.#deps.mode === 'delta') this.#writeDelta(state, [], removed);
    else this.#writeSotw(state, new Map(wanted));
  }

  #hasReferrers(): boolean {
    return this.#types.has(TypeUrl.Listener) || this.#types.has(TypeUrl.Route);
  }

  #noteClusters(state: TypeState, upserts: readonly EncodedResource[]): void {
    const endpoints = this.#types.get(TypeUrl.Endpoints);
    for (const { name, needsEndpoints } of upserts) {
      if (needsEndpoints === undefined) continue;
      if (state.sub.sent.has(name)) this.#endpointsAgain.add(needsEndpoints);
      else if (!endpoints?.sub.sent.has(needsEndpoints)) this.#awaitingEndpoints.add(needsEndpoints);
    }
  }

  /** Those that the client has asked for; it will ask for the others. */
  #takeEndpointsAgain({ sub }: TypeState): ReadonlySet<string> {
    if (this.#endpointsAgain.size === 0) return NONE;
    const again = sub.names.intersection(this.#endpointsAgain);
    this.#endpointsAgain.clear();
    return again;
  }

  #nextNonce(): string {
    this.#nonce += 1;
    return this.#nonce.toString(36);
  }

  #write(state: TypeState, nonce: string, message: Uint8Array, counts: { resources: number; removed: number }): void {
    state.sub = { ...state.sub, nonce, waiting: true };
    state.sentAtMs = this.#deps.clock.now();
    this.#deps.write(message);
    this.#deps.events?.sent?.(state.sub.typeUrl, { ...counts, bytes: message.length });
  }
}

function join(a: Set<string> | 'all' | undefined, b: ReadonlySet<string> | 'all'): Set<string> | 'all' {
  if (a === 'all' || b === 'all') return 'all';
  return a === undefined ? new Set(b) : a.union(b);
}

const NONE: ReadonlySet<string> = new Set();
const union = (a: Set<string> | 'all' | undefined, b: Set<string>): Set<string> => (a === undefined || a === 'all' ? b : a.union(b));

function inScope(state: TypeState): Set<string> {
  const { dirty, sub } = state;
  if (dirty === undefined || dirty === 'all') return new Set();
  return sub.wildcard ? dirty : dirty.intersection(sub.names);
}

function missing(scope: ReadonlySet<string> | 'all', sub: Subscription, wanted: ReadonlyMap<string, EncodedResource>): string[] {
  const held = scope === 'all' ? sub.sent.keys() : [...scope].filter((name) => sub.sent.has(name));
  return [...held].filter((name) => !wanted.has(name));
}
