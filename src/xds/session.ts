import type { Clock, Timer } from '../base/clock.ts';
import { decideDelta, type DeltaRequest } from './delta.ts';
import type { NameSet } from './name-set.ts';
import { Refusals, type Doubts, type Refusal } from './refusals.ts';
import { resourcesBytes, removedBytes, ResourceSet, type Difference } from './resource-set.ts';
import { EncodedResource, type Held } from './resource.ts';
import { decideSotw, type SotwRequest } from './sotw.ts';
import type { Decision, Subscription } from './subscription.ts';
import { PUSH_ORDER, TypeUrl, isWildcardType, staysUntilGivenUp } from './type-urls.ts';
import { encodeDeltaResponse, encodeSotwResponse } from './wire.ts';

/** Where a session finds the resources of its client. */
export interface ResourceSource {
  /** What there is for the client: for each type always the same number of sets, no name in two of them. Asked often: the
   * same sets as long as nothing has changed, which is how a session sees that there is nothing to send.
   * @param names asked for; of use where not everything there is can be listed */
  resources(typeUrl: string, names: NameSet): readonly ResourceSet[];
  /** Stands in for a name that was asked for and does not exist; undefined: the client is told that it does not. */
  absent?(typeUrl: string, name: string): EncodedResource | undefined;
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
  /** Takes a message in pieces, to be sent one after the other. Most of them are shared with other sessions. */
  write(pieces: readonly Uint8Array[]): void;
  clock: Clock;
  events?: SessionEvents;
  /** How long later types wait for the answer to new clusters; default 3000 ms. */
  gateMs?: number;
  /** What clients of the same kind have refused; asked when the first resources are sent. */
  doubts?(): Doubts | undefined;
}

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
  /** What there was when the client was sent something last. */
  held: readonly ResourceSet[];
  /** Resources that are no longer there, but which the client must keep for now. */
  readonly retained: Map<string, Held>;
  /** Must be answered even when unchanged. */
  owed: ReadonlySet<string> | 'all' | undefined;
  /** Name → version of what the client had when it came; until the first response. */
  brought: ReadonlyMap<string, string>;
  readonly refusals: Refusals;
  sentAtMs: number;
  ackedAtMs: number;
}

/** A part of a response. */
type Piece = Pick<Difference, 'upserts' | 'removed' | 'upsertBytes' | 'removedBytes'>;

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
  #gate: Timer | undefined;
  #nonce = 0;
  #isClosed = false;
  #isSettled = false;

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
  notify(): void {
    this.#advance();
  }

  subscribed(typeUrl: string): boolean {
    return this.#types.has(typeUrl);
  }

  /** What the client holds, or was sent last, of one name. */
  held(typeUrl: string, name: string): Held | undefined {
    const state = this.#types.get(typeUrl);
    if (!state || (!state.sub.wildcard && !state.sub.names.has(name))) return undefined;
    const version = state.brought.get(name);
    return find(state.held, name) ?? state.retained.get(name) ?? (version === undefined ? undefined : { version });
  }

  /** True when nothing is to be sent, and all that was sent has been answered: what the source says is in force at the client,
   * except what it has refused. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Resources that the client was sent last and did not take. */
  refusals(): readonly Refusal[] {
    const refusing = [...this.#types].filter(([, { refusals }]) => refusals.any);
    return refusing.length === 0 ? NO_REFUSALS : refusing.flatMap(([typeUrl, { refusals }]) => [...refusals.all(typeUrl)]);
  }

  status(): TypeStatus[] {
    return [...this.#types.values()].map((state) => {
      const { sub, held, retained, sentAtMs, ackedAtMs } = state;
      const names = sub.wildcard ? held.reduce((sum, set) => sum + set.size, retained.size) : sub.names.size;
      return { typeUrl: sub.typeUrl, names, nonceSent: sub.nonce, nonceAcked: sub.ackedNonce, waiting: sub.waiting, behind: this.#isBehind(state), error: errorOf(state), sentAtMs, ackedAtMs };
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#gate?.cancel();
  }

  #take(typeUrl: string, decide: (before: Subscription | undefined) => Decision): Decision {
    const state = this.#types.get(typeUrl);
    const decision = decide(state?.sub);
    const { subscription: sub, kind, answer, brought = NO_VERSIONS } = decision;
    if (state) {
      state.sub = sub;
      if (answer) state.owed = join(state.owed, answer);
    } else {
      this.#types.set(typeUrl, { sub, held: [], retained: new Map(), owed: answer, brought, refusals: new Refusals(this.#deps.mode === 'delta' ? this.#deps.doubts?.() : undefined), sentAtMs: 0, ackedAtMs: 0 });
    }
    const now = this.#types.get(typeUrl);
    if (now && (kind === 'ack' || kind === 'nack')) {
      now.ackedAtMs = this.#deps.clock.now();
      if (kind === 'ack') now.refusals.acked();
      else if (this.#deps.mode === 'delta') now.refusals.nacked(sub.error ?? '');
      else now.refusals.nackedWhole(sub.error ?? '');
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
    this.#isSettled = this.#sendAll() && this.#allAnswered();
    if (this.#isSettled) this.#deps.events?.settled?.();
  }

  #allAnswered(): boolean {
    if (this.#types.size === 0 || this.#awaitingEndpoints.size > 0) return false;
    if (this.#endpointsAgain.size > 0 && this.#types.has(TypeUrl.Endpoints)) return false;
    for (const { refusals, retained } of this.#types.values()) if (!refusals.isAnswered || refusals.isSearching || retained.size > 0) return false;
    return true;
  }

  /** @returns true when every type that does not wait for an answer has been sent what there is */
  #sendAll(): boolean {
    this.#send(TypeUrl.Cluster);
    this.#send(TypeUrl.Endpoints);
    if (!this.#clustersTaken()) {
      this.#armGate();
      return false;
    }
    for (const typeUrl of PUSH_ORDER.slice(2)) this.#send(typeUrl);
    for (const typeUrl of this.#types.keys()) if (!PUSH_ORDER.includes(typeUrl)) this.#send(typeUrl);
    const holdsClusters = (this.#types.get(TypeUrl.Cluster)?.retained.size ?? 0) > 0;
    if (holdsClusters && [TypeUrl.Listener, TypeUrl.Route, TypeUrl.VirtualHost].some((typeUrl) => this.#isWaiting(typeUrl))) {
      this.#armGate();
      return true;
    }
    this.#disarmGate();
    if (holdsClusters) this.#removeClusters();
    return true;
  }

  #clustersTaken(): boolean {
    if (this.#types.get(TypeUrl.Cluster)?.refusals.isSearching) return false;
    if (this.#isWaiting(TypeUrl.Cluster) && this.#awaitingEndpoints.size > 0) return false;
    const endpoints = this.#types.get(TypeUrl.Endpoints);
    if (!endpoints || this.#awaitingEndpoints.size === 0) {
      if (!this.#isWaiting(TypeUrl.Cluster)) this.#awaitingEndpoints.clear();
      return true;
    }
    if (!endpoints.sub.waiting) {
      for (const name of this.#awaitingEndpoints) if (wasSent(endpoints, name)) this.#awaitingEndpoints.delete(name);
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
      for (const typeUrl of [TypeUrl.Cluster, TypeUrl.Listener, TypeUrl.Route, TypeUrl.VirtualHost]) {
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
    const trial = state.refusals.next((name) => find(state.held, name));
    if (trial) return this.#writeDelta(state, [pieceOf(trial.upserts, trial.removed)]);
    const again = typeUrl === TypeUrl.Endpoints ? this.#takeEndpointsAgain(state) : NONE;
    const want = this.#wanted(state);
    const mustAnswer = state.owed !== undefined;
    if (!mustAnswer && again.size === 0 && isSame(want, state.held)) return;
    const pieces = this.#pieces(state, want, again);
    if (typeUrl === TypeUrl.Cluster) this.#noteClusters(state, pieces);
    for (const name of state.retained.keys()) if (find(want, name)) state.retained.delete(name);
    const isWhole = state.owed === 'all';
    state.held = want;
    state.owed = undefined;
    state.brought = NO_VERSIONS;
    if (pieces.length === 0 && !mustAnswer) return;
    if (this.#deps.mode === 'sotw') return this.#writeSotw(state, { pieces, isWhole, mustAnswer });
    const sent = admitted(pieces, state.refusals);
    if (sent.length > 0 || mustAnswer) this.#writeDelta(state, sent);
    else this.#send(typeUrl);
  }

  #wanted({ sub }: TypeState): readonly ResourceSet[] {
    return this.#deps.source.resources(sub.typeUrl, sub.names);
  }

  #isBehind(state: TypeState): boolean {
    return state.owed !== undefined || !isSame(this.#wanted(state), state.held);
  }

  /** What the client lacks, or must be told again. What has changed for many clients alike is one piece that they share.
   * Takes note of removals that have to wait. */
  #pieces(state: TypeState, want: readonly ResourceSet[], again: ReadonlySet<string>): Piece[] {
    const { sub, owed, brought, retained } = state;
    const { typeUrl } = sub;
    const told = owed === 'all' || owed === undefined ? again : owed.union(again);
    const own = { upserts: [] as EncodedResource[], removed: [] as string[] };
    const isAsked = (name: string) => sub.wildcard || sub.names.has(name);
    for (const name of told) {
      const resource = isAsked(name) ? (find(want, name) ?? this.#deps.source.absent?.(typeUrl, name)) : undefined;
      if (resource) own.upserts.push(resource);
      else if (isAsked(name)) own.removed.push(name);
    }
    if (owed === 'all') {
      for (const name of sub.names) {
        if (find(want, name)) continue;
        const absent = this.#deps.source.absent?.(typeUrl, name);
        if (absent && brought.get(name) !== absent.version) own.upserts.push(absent);
        else if (!absent) own.removed.push(name);
      }
      for (const [name, version] of sub.wildcard ? brought : NO_VERSIONS) {
        if (sub.names.has(name) || find(want, name)) continue;
        if (typeUrl === TypeUrl.Cluster) retained.set(name, { version });
        else own.removed.push(name);
      }
    }
    const isLacking = (r: EncodedResource) => isAsked(r.name) && !told.has(r.name) && (retained.get(r.name)?.version ?? brought.get(r.name)) !== r.version;
    const removals = typeUrl === TypeUrl.Cluster ? 'later' : staysUntilGivenUp(typeUrl) ? 'never' : 'now';
    const pieces: Piece[] = [];
    want.forEach((set, i) => {
      const before = state.held[i] ?? ResourceSet.empty;
      if (set === before) return;
      const difference = set.since(before);
      const { upserts, removed } = difference;
      const gone = removed.filter((name) => isAsked(name) && !told.has(name));
      if (removals === 'later') for (const name of gone) retained.set(name, before.get(name) ?? NOTHING);
      const isShared = upserts.every(isLacking) && (removed.length === 0 || (removals === 'now' && gone.length === removed.length));
      if (isShared && upserts.length + removed.length > 0) pieces.push(difference);
      else {
        own.upserts.push(...upserts.filter(isLacking));
        if (removals === 'now') own.removed.push(...gone);
      }
    });
    if (own.upserts.length + own.removed.length > 0) pieces.push(pieceOf(own.upserts, own.removed));
    return pieces;
  }

  #writeDelta(state: TypeState, pieces: readonly Piece[]): void {
    const fields = pieces.flatMap((piece) => [...(piece.upserts.length > 0 ? [piece.upsertBytes] : []), ...(piece.removed.length > 0 ? [piece.removedBytes] : [])]);
    const nonce = this.#nextNonce();
    state.refusals.sent(flat(pieces, (p) => p.upserts), flat(pieces, (p) => p.removed));
    const message = encodeDeltaResponse({ typeUrl: state.sub.typeUrl, nonce, version: this.#deps.source.version() }, fields);
    this.#write(state, nonce, message, { resources: sum(pieces, (p) => p.upserts.length), removed: sum(pieces, (p) => p.removed.length) });
  }

  /** Of types that are listed whole everything; of others what has changed. */
  #writeSotw(state: TypeState, parts: { pieces: readonly Piece[]; isWhole: boolean; mustAnswer: boolean }): void {
    const { sub, held, retained } = state;
    const isListed = isWildcardType(sub.typeUrl);
    const changed = parts.pieces.flatMap((p) => p.upserts);
    if (changed.length === 0 && !parts.mustAnswer && !(isListed && parts.pieces.length > 0)) return;
    const body = new Map<string, EncodedResource>();
    if (isListed || parts.isWhole) for (const set of held) for (const resource of asked(set, sub)) body.set(resource.name, resource);
    if (isListed) for (const resource of retained.values()) if (resource instanceof EncodedResource) body.set(resource.name, resource);
    if (!isListed) for (const resource of changed) body.set(resource.name, resource);
    const nonce = this.#nextNonce();
    state.refusals.sent([...body.values()], []);
    const resources = [...body.values()].map((r) => r.any);
    this.#write(state, nonce, encodeSotwResponse({ typeUrl: sub.typeUrl, nonce, version: this.#deps.source.version() }, resources), { resources: body.size, removed: 0 });
  }

  #removeClusters(): void {
    const state = this.#types.get(TypeUrl.Cluster);
    if (!state || state.sub.waiting) return;
    const removed = [...state.retained.keys()];
    state.retained.clear();
    if (this.#deps.mode === 'delta') this.#writeDelta(state, [pieceOf([], removed)]);
    else this.#writeSotw(state, { pieces: [], isWhole: true, mustAnswer: true });
  }

  /** @param state as it is before the clusters are sent */
  #noteClusters(state: TypeState, pieces: readonly Piece[]): void {
    const endpoints = this.#types.get(TypeUrl.Endpoints);
    for (const { upserts } of pieces) {
      for (const { name, needsEndpoints } of upserts) {
        if (needsEndpoints === undefined) continue;
        if (find(state.held, name) !== undefined || state.retained.has(name) || state.brought.has(name)) this.#endpointsAgain.add(needsEndpoints);
        else if (!endpoints || !wasSent(endpoints, needsEndpoints)) this.#awaitingEndpoints.add(needsEndpoints);
      }
    }
  }

  /** Those that the client has asked for; it will ask for the others. */
  #takeEndpointsAgain({ sub }: TypeState): ReadonlySet<string> {
    if (this.#endpointsAgain.size === 0) return NONE;
    const again = new Set([...this.#endpointsAgain].filter((name) => sub.names.has(name)));
    this.#endpointsAgain.clear();
    return again;
  }

  #nextNonce(): string {
    this.#nonce += 1;
    return this.#nonce.toString(36);
  }

  #write(state: TypeState, nonce: string, message: readonly Uint8Array[], counts: { resources: number; removed: number }): void {
    state.sub = { ...state.sub, nonce, waiting: true };
    state.sentAtMs = this.#deps.clock.now();
    this.#deps.write(message);
    this.#deps.events?.sent?.(state.sub.typeUrl, { ...counts, bytes: sum(message, (piece) => piece.length) });
  }
}

/** What it refuses now; else what it said last, when that was no. */
function errorOf({ sub, refusals }: TypeState): string | undefined {
  const byMessage = Map.groupBy(refusals.all(sub.typeUrl), ({ message }) => message);
  if (byMessage.size === 0) return sub.error;
  return [...byMessage].map(([message, [first, ...others]]) => {
    const what = first?.part ?? first?.name ?? '';
    return others.length > 0 || message.includes(what) ? message : `${what}: ${message}`;
  }).join('; ');
}

function join(a: ReadonlySet<string> | 'all' | undefined, b: ReadonlySet<string> | 'all'): ReadonlySet<string> | 'all' {
  if (a === 'all' || b === 'all') return 'all';
  return a === undefined ? b : a.union(b);
}

const NONE: ReadonlySet<string> = new Set();
const NO_REFUSALS: readonly Refusal[] = [];
const NOTHING: Held = { version: '' };
const NO_VERSIONS: ReadonlyMap<string, string> = new Map();

const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((total, item) => total + of(item), 0);
const flat = <T, U>(items: readonly T[], of: (item: T) => readonly U[]): readonly U[] => (items.length === 1 && items[0] ? of(items[0]) : items.flatMap(of));
const isSame = (a: readonly ResourceSet[], b: readonly ResourceSet[]): boolean => a === b || (a.length === b.length && a.every((set, i) => set === b[i]));

function find(sets: readonly ResourceSet[], name: string): EncodedResource | undefined {
  for (const set of sets) {
    const resource = set.get(name);
    if (resource) return resource;
  }
  return undefined;
}

/** The client has asked for it, and has been answered. */
const wasSent = ({ sub, owed }: TypeState, name: string): boolean => sub.names.has(name) && owed !== 'all' && owed?.has(name) !== true;

function asked(set: ResourceSet, sub: Subscription): Iterable<EncodedResource> {
  return sub.wildcard ? set : [...sub.names].flatMap((name) => set.get(name) ?? []);
}

/** The same pieces as long as there is nothing that the client, or one of its kind, refuses. */
function admitted(pieces: readonly Piece[], refusals: Refusals): readonly Piece[] {
  return pieces.flatMap((piece) => {
    const upserts = refusals.admit(piece.upserts);
    if (upserts === piece.upserts) return [piece];
    return upserts.length + piece.removed.length > 0 ? [pieceOf(upserts, piece.removed)] : [];
  });
}

const pieceOf = (upserts: readonly EncodedResource[], removed: readonly string[]): Piece => ({ upserts, removed, upsertBytes: resourcesBytes(upserts), removedBytes: removedBytes(removed) });
