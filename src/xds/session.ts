import type { Clock, Timer } from '../base/clock.ts';
import { decideDelta, type DeltaRequest } from './delta.ts';
import { nextNonce, Piece } from './piece.ts';
import type { Doubts, Refusal } from './refusals.ts';
import { EncodedResource, type Held } from './resource.ts';
import { decideSotw, type SotwRequest } from './sotw.ts';
import type { Decision, Subscription } from './subscription.ts';
import { findIn, sameSets, type ResourceSource, type Sets, type Target } from './target.ts';
import { TypeStream, type Holding, type TypeStatus } from './type-stream.ts';
import { PUSH_ORDER, TypeUrl, isWildcardType } from './type-urls.ts';
import { encodeSotwResponse, type Message } from './wire.ts';

export interface SessionEvents {
  sent?(typeUrl: string, facts: { resources: number; removed: number; bytes: number }): void;
  acked?(typeUrl: string): void;
  refused?(typeUrl: string, message: string): void;
  /** Waiting for a client that does not answer was given up for this push. */
  stalled?(): void;
  /** The client has taken everything that there was to take when the session was told of a change last. */
  settled?(): void;
}

export interface SessionDeps {
  mode: 'sotw' | 'delta';
  source: ResourceSource;
  /** Most messages are shared with other sessions. */
  write(message: Message): void;
  clock: Clock;
  events?: SessionEvents;
  /** How long later types wait for the answer to new clusters; default 3000 ms. */
  gateMs?: number;
  /** Runs when the requests that are there have been read: what they lead to is then sent once for all of them. Default: at once. */
  soon?(run: () => void): void;
  /** What clients of the same kind have refused; asked when the first resources are sent. */
  doubts?(): Doubts | undefined;
}

/** One client's stream, without the transport. Leads the client to what there was when `notify` was called last, its target: each
 * request and each answer makes it send what can be sent now. The order is make before break: new clusters and their
 * endpoints must have been taken before listeners and routes are sent; clusters are removed only when listeners and routes
 * have been taken. A type whose last response is not answered yet gets no further one: changes merge while the client is busy.
 *
 * A client that asks for all endpoints, whatever their names (`*`; our sidecar does), puts into force what comes in the order in
 * which it comes, each resource by itself: it is sent clusters and what refers to them together, and what is gone goes with the
 * change after that. */
export class AdsSession {
  readonly #deps: SessionDeps;
  readonly #types = new Map<string, TypeStream>();
  /** EDS resources of clusters that the client saw for the first time and whose endpoints it has not taken yet. */
  readonly #awaitingEndpoints = new Set<string>();
  /** EDS resources of clusters that changed: Envoy warms a changed cluster as it does a new one, but does not ask for endpoints
   * that it holds already. Without them it stays with the old cluster, and acknowledges nothing. */
  readonly #endpointsAgain = new Set<string>();
  #gate: Timer | undefined;
  /** Clusters and endpoints that are gone can be removed: nothing that the client holds refers to them. */
  #isTidyable = false;
  #tidy: Timer | undefined;
  #isScheduled = false;
  #target: Target | undefined;
  #isClosed = false;
  #isSettled = false;
  /** Number of the target of which it was told that the client has taken it. */
  #toldAt = -1;
  /** Worked out when asked for, often by many in a row. */
  #known: { answeredAt: number; refusals: readonly Refusal[] } | undefined;

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
    this.#target = this.#deps.source.target();
    this.#advance(true);
  }

  subscribed(typeUrl: string): boolean {
    return this.#types.has(typeUrl);
  }

  /** What the client holds, or was sent last, of one name. */
  held(typeUrl: string, name: string): Held | undefined {
    const type = this.#types.get(typeUrl);
    return type?.isAskedFor(name) ? type.heldOf(name) : undefined;
  }

  /** What the client holds, or was sent last, of one type. */
  holding(typeUrl: string): Holding | undefined {
    return this.#types.get(typeUrl)?.holding;
  }

  /** True when nothing is to be sent, and all that was sent has been answered: the target is in force at the client, except what
   * it has refused. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Number of the newest target of which the client has answered everything; 0 before the first. */
  get answeredAt(): number {
    return (this.#known ??= this.#lookUp()).answeredAt;
  }

  /** Resources that the client was sent last and did not take. */
  refusals(): readonly Refusal[] {
    return (this.#known ??= this.#lookUp()).refusals;
  }

  #lookUp(): { answeredAt: number; refusals: readonly Refusal[] } {
    if (this.#types.size === 0) return { answeredAt: 0, refusals: NO_REFUSALS };
    let answeredAt = this.#awaitingEndpoints.size > 0 ? this.#now.number - 1 : Infinity;
    let all: Refusal[] | undefined;
    for (const [typeUrl, type] of this.#types) {
      answeredAt = Math.min(answeredAt, type.answeredAt);
      if (type.refusals.any) (all ??= []).push(...type.refusals.all(typeUrl));
    }
    return { answeredAt, refusals: all ?? NO_REFUSALS };
  }

  status(): TypeStatus[] {
    return Array.from(this.#types.values(), (type) => type.status(type.owed !== undefined || !sameSets(this.#wanted(type, this.#deps.source.target()), type.held)));
  }

  close(): void {
    this.#isClosed = true;
    this.#gate?.cancel();
    this.#cancelTidy();
  }

  get #now(): Target {
    return (this.#target ??= this.#deps.source.target());
  }

  #take(typeUrl: string, decide: (before: Subscription | undefined) => Decision): Decision {
    const { mode, clock, doubts, events } = this.#deps;
    const known = this.#types.get(typeUrl);
    const decision = decide(known?.sub);
    const type = known ?? new TypeStream(decision, mode === 'delta' ? doubts?.() : undefined);
    this.#known = undefined;
    if (known) known.follow(decision, this.#now.number);
    else this.#types.set(typeUrl, type);
    if (decision.kind === 'ack') {
      type.acked(clock.now());
      events?.acked?.(typeUrl);
    } else if (decision.kind === 'nack') {
      type.nacked(clock.now(), mode === 'sotw');
      this.#known = undefined;
      events?.refused?.(typeUrl, decision.subscription.error ?? '');
    }
    this.#advanceSoon();
    return decision;
  }

  #advanceSoon(): void {
    const { soon } = this.#deps;
    if (!soon) return this.#advance();
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    soon(() => {
      this.#isScheduled = false;
      this.#advance();
    });
  }

  /** @param isTold of a change: what is gone may go with it */
  #advance(isTold = false): void {
    if (this.#isClosed) return;
    this.#known = undefined;
    const hadSettled = this.#isSettled;
    this.#isSettled = this.#sendAll(isTold) && this.#allAnswered();
    if (!this.#isSettled || (hadSettled && this.#toldAt === this.#now.number)) return;
    this.#toldAt = this.#now.number;
    this.#deps.events?.settled?.();
  }

  #allAnswered(): boolean {
    if (this.#types.size === 0 || this.#awaitingEndpoints.size > 0) return false;
    if (this.#endpointsAgain.size > 0 && this.#types.has(TypeUrl.Endpoints)) return false;
    for (const type of this.#types.values()) if (!type.isAnswered || (type.retained.size > 0 && !this.#isTidyable)) return false;
    return true;
  }

  /** @returns true when every type that does not wait for an answer has been sent what there is */
  #sendAll(isTold: boolean): boolean {
    const isTidying = isTold && this.#isTidyable;
    this.#isTidyable &&= !isTold;
    if (isTidying) this.#cancelTidy();
    this.#send(TypeUrl.Cluster, isTidying);
    this.#send(TypeUrl.Endpoints, isTidying);
    if (!this.#clustersTaken()) {
      this.#armGate();
      return false;
    }
    for (const typeUrl of AFTER_CLUSTERS) this.#send(typeUrl);
    for (const typeUrl of this.#types.keys()) if (!PUSH_ORDER.includes(typeUrl)) this.#send(typeUrl);
    const isHolding = RETAINED.some((typeUrl) => (this.#types.get(typeUrl)?.retained.size ?? 0) > 0);
    if (isHolding && REFERRING.some((typeUrl) => this.#isWaiting(typeUrl))) {
      this.#armGate();
      return true;
    }
    this.#gate?.cancel();
    this.#gate = undefined;
    if (isHolding && this.#takesInOrder) this.#tidyLater();
    else if (isHolding) this.#removeRetained();
    return true;
  }

  get #takesInOrder(): boolean {
    return this.#deps.mode === 'delta' && this.#types.get(TypeUrl.Endpoints)?.sub.wildcard === true;
  }

  #cancelTidy(): void {
    this.#tidy?.cancel();
    this.#tidy = undefined;
  }

  /** Where changes follow each other, what is gone needs no response of its own. */
  #tidyLater(): void {
    this.#isTidyable = true;
    this.#tidy ??= this.#deps.clock.after(TIDY_MS, () => {
      this.#tidy = undefined;
      if (!this.#isTidyable) return;
      this.#isTidyable = false;
      this.#removeRetained();
    });
    this.#tidy.unref();
  }

  #clustersTaken(): boolean {
    if (this.#types.get(TypeUrl.Cluster)?.refusals.isSearching) return false;
    if (this.#takesInOrder) {
      return this.#wasSent(TypeUrl.Cluster) && this.#wasSent(TypeUrl.Endpoints);
    }
    if (this.#isWaiting(TypeUrl.Cluster) && this.#awaitingEndpoints.size > 0) return false;
    const endpoints = this.#types.get(TypeUrl.Endpoints);
    if (!endpoints || this.#awaitingEndpoints.size === 0) {
      if (!this.#isWaiting(TypeUrl.Cluster)) this.#awaitingEndpoints.clear();
      return true;
    }
    if (!endpoints.sub.waiting) {
      for (const name of this.#awaitingEndpoints) if (endpoints.wasSent(name)) this.#awaitingEndpoints.delete(name);
    }
    return this.#awaitingEndpoints.size === 0;
  }

  /** All that there is. */
  #wasSent(typeUrl: string): boolean {
    const type = this.#types.get(typeUrl);
    return !type || sameSets(this.#wanted(type, this.#now), type.held);
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
      for (const typeUrl of [TypeUrl.Cluster, ...REFERRING]) this.#types.get(typeUrl)?.giveUp();
      this.#deps.events?.stalled?.();
      this.#advance();
    });
    this.#gate.unref();
  }

  /** @param isTidying what is gone goes with it */
  #send(typeUrl: string, isTidying = false): void {
    const type = this.#types.get(typeUrl);
    if (!type || type.sub.waiting) return;
    const trial = type.refusals.next((name) => findIn(type.held, name));
    if (trial) return this.#writeDelta(type, trial, true);
    const again = typeUrl === TypeUrl.Endpoints ? this.#takeEndpointsAgain(type) : NONE;
    const { number } = this.#now;
    const want = this.#wanted(type, this.#now);
    const mustAnswer = type.owed !== undefined;
    const gone = isTidying ? type.giveBack(want) : Piece.empty;
    if (!mustAnswer && again.size === 0 && gone.isEmpty && sameSets(want, type.held)) return type.isUpTo(number);
    const pieces = [...type.lacks(want, again, this.#deps.source), ...(gone.isEmpty ? [] : [gone])];
    if (typeUrl === TypeUrl.Cluster) this.#noteClusters(type, pieces);
    const isWhole = type.owed === 'all';
    type.become(want, number);
    if (pieces.length === 0 && !mustAnswer) return type.isUpTo(number);
    if (this.#deps.mode === 'sotw') return this.#writeSotw(type, { pieces, isWhole, mustAnswer });
    const sent = type.refusals.admit(Piece.join(pieces));
    if (!sent.isEmpty || mustAnswer) this.#writeDelta(type, sent);
    else this.#send(typeUrl);
  }

  #wanted({ sub }: TypeStream, target: Target): Sets {
    return target.resources(sub.typeUrl, sub.names);
  }

  #writeDelta(type: TypeStream, piece: Piece, isTrial = false): void {
    const { typeUrl, sub } = type;
    this.#write(type, piece, piece.message({ typeUrl, version: this.#now.version }, sub.nonce), isTrial);
  }

  /** Of types that are listed whole everything; of others what has changed. */
  #writeSotw(type: TypeStream, parts: { pieces: readonly Piece[]; isWhole: boolean; mustAnswer: boolean }): void {
    const { typeUrl } = type;
    const isListed = isWildcardType(typeUrl);
    const changed = parts.pieces.flatMap((p) => p.upserts);
    if (changed.length === 0 && !parts.mustAnswer && !(isListed && parts.pieces.length > 0)) return type.isUpTo(this.#now.number);
    const body = isListed || parts.isWhole ? type.listed() : new Map<string, EncodedResource>();
    if (isListed) for (const resource of type.retained.values()) if (resource instanceof EncodedResource) body.set(resource.name, resource);
    if (!isListed) for (const resource of changed) body.set(resource.name, resource);
    const resources = [...body.values()];
    this.#write(type, Piece.of(resources, []), encodeSotwResponse({ typeUrl, nonce: nextNonce(), version: this.#now.version }, resources.map((r) => r.any)));
  }

  #removeRetained(): void {
    for (const typeUrl of RETAINED) {
      const type = this.#types.get(typeUrl);
      if (!type || type.sub.waiting || type.retained.size === 0) continue;
      const removed = [...type.retained.keys()].sort();
      type.retained.clear();
      if (this.#deps.mode === 'delta') this.#writeDelta(type, Piece.shared([], removed));
      else this.#writeSotw(type, { pieces: [], isWhole: true, mustAnswer: true });
    }
  }

  #write(type: TypeStream, piece: Piece, message: Message, isTrial = false): void {
    type.sent(piece, message.nonce, { nowMs: this.#deps.clock.now(), isTrial });
    this.#deps.write(message);
    this.#deps.events?.sent?.(type.typeUrl, { resources: piece.upserts.length, removed: piece.removed.length, bytes: message.framed.length });
  }

  /** @param clusters as it is before they are sent */
  #noteClusters(clusters: TypeStream, pieces: readonly Piece[]): void {
    const endpoints = this.#types.get(TypeUrl.Endpoints);
    for (const { upserts } of pieces) {
      for (const { name, needsEndpoints } of upserts) {
        if (needsEndpoints === undefined) continue;
        if (this.#takesInOrder) this.#awaitingEndpoints.add(needsEndpoints);
        else if (clusters.heldOf(name) !== undefined) this.#endpointsAgain.add(needsEndpoints);
        else if (!endpoints?.wasSent(needsEndpoints)) this.#awaitingEndpoints.add(needsEndpoints);
      }
    }
  }

  /** Those that the client has asked for; it will ask for the others. Who gets all of them waits for none, and is told of those that there
   * are not. */
  #takeEndpointsAgain(type: TypeStream): ReadonlySet<string> {
    const { sub } = type;
    if (this.#takesInOrder) {
      if (this.#awaitingEndpoints.size === 0) return NONE;
      const want = this.#wanted(type, this.#now);
      const missing = new Set([...this.#awaitingEndpoints].filter((name) => findIn(want, name) === undefined));
      this.#awaitingEndpoints.clear();
      return missing;
    }
    if (this.#endpointsAgain.size === 0) return NONE;
    const again = new Set([...this.#endpointsAgain].filter((name) => sub.names.has(name)));
    this.#endpointsAgain.clear();
    return again;
  }
}

const AFTER_CLUSTERS = PUSH_ORDER.slice(2);
/** Types whose resources name clusters. */
const REFERRING = [TypeUrl.Listener, TypeUrl.Route, TypeUrl.VirtualHost] as const;
/** Types of which clients keep what is gone until nothing refers to it. */
const RETAINED = [TypeUrl.Cluster, TypeUrl.Endpoints] as const;
/** For so long what is gone waits for a change to go with. */
const TIDY_MS = 2000;
const NONE: ReadonlySet<string> = new Set();
const NO_REFUSALS: readonly Refusal[] = [];
