/** A sidecar as the control plane sees it: delta ADS, everything acknowledged at once, routes asked for as listeners name them. It holds no more than which content of each resource it was sent last. */
import { encodeDeltaRequest } from '../../src/xds/client/delta-codec.ts';
import { TypeUrl } from '../../src/xds/type-urls.ts';
import { H2Stream } from './h2-stream.ts';
import type { Ledger } from './ledger.ts';
import { MARKER_SLOTS, markerSlot } from './marker.ts';
import type { Content, Known, Resources } from './resources.ts';
import type { Responses } from './responses.ts';

const PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const NO_VERSIONS = {};
const WHOLE: readonly string[] = [TypeUrl.Cluster, TypeUrl.Endpoints, TypeUrl.Listener, TypeUrl.VirtualHost];

export interface ProxyOptions {
  readonly host: string;
  readonly port: number;
  /** Encoded node message. */
  readonly node: Uint8Array;
  readonly resources: Resources;
  readonly responses: Responses;
  /** Absent: a client that only collects its state, for comparison. */
  readonly ledger?: Ledger;
  /** Everything that was asked for is there; called once. */
  complete(): void;
  failed(reason: string): void;
}

export class SimulatedProxy {
  readonly #options: ProxyOptions;
  readonly #stream: H2Stream;
  /** By number of the resource: number of the content, 0 for none. */
  #held = new Uint32Array(1024);
  /** By slot of the marker: the turn that was seen last. */
  readonly #turns = new Uint16Array(MARKER_SLOTS);
  /** Types of which everything is asked for, and routes by name. */
  readonly #pending = new Set<string>(WHOLE);
  /** Names of routes that were asked for, and how many listeners need each. */
  readonly #asked = new Map<string, number>();
  #isComplete = false;
  messages = 0;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#stream = new H2Stream({ host: options.host, port: options.port, path: PATH }, { message: (bytes) => this.#receive(bytes), ended: (reason) => options.failed(reason) });
    WHOLE.forEach((typeUrl, i) => this.#request(typeUrl, { subscribe: ['*'], ...(i === 0 ? { node: options.node } : {}) }));
  }

  get received(): number {
    return this.#stream.received;
  }

  get held(): Uint32Array {
    return this.#held;
  }

  close(): void {
    this.#stream.close();
    this.#held.forEach((content, id) => {
      const known = this.#options.resources.all[id];
      if (content !== 0 && known) this.#leave(known, content, new Map());
    });
  }

  #request(typeUrl: string, parts: { node?: Uint8Array; nonce?: string; subscribe?: readonly string[]; unsubscribe?: readonly string[] } = {}): void {
    const { node, nonce = '', subscribe = [], unsubscribe = [] } = parts;
    this.#stream.send(encodeDeltaRequest({ typeUrl, subscribe, unsubscribe, initialVersions: NO_VERSIONS, nonce }, node));
  }

  #receive(bytes: Buffer): void {
    this.messages += 1;
    const { typeUrl, upserts, removed, ack } = this.#options.responses.read(bytes);
    const wanted = new Map<string, number>();
    for (const { known, content } of upserts) this.#take(known, content, wanted);
    for (const known of removed) this.#drop(known, wanted);
    this.#stream.sendFrame(ack);
    this.#follow(wanted);
    if (!this.#isComplete) this.#checkComplete(typeUrl);
  }

  #take(known: Known, content: Content, wanted: Map<string, number>): void {
    if (known.id >= this.#held.length) {
      const more = new Uint32Array(Math.max(this.#options.resources.all.length + 256, known.id + 1));
      more.set(this.#held);
      this.#held = more;
    }
    const before = this.#held[known.id] ?? 0;
    if (before === content.id) return;
    this.#options.resources.hold(known, content);
    this.#held[known.id] = content.id;
    for (const name of content.refers) wanted.set(name, (wanted.get(name) ?? 0) + 1);
    if (before !== 0) this.#leave(known, before, wanted);
    if (!this.#isComplete) this.#pending.delete(`${known.typeUrl} ${known.name}`);
    for (const marker of content.markers) {
      const slot = markerSlot(marker);
      const turn = this.#turns[slot] ?? 0;
      if (turn >= marker.turn) continue;
      this.#turns[slot] = marker.turn;
      this.#options.ledger?.moved(marker, turn);
    }
  }

  #drop(known: Known, wanted: Map<string, number>): void {
    const before = this.#held[known.id] ?? 0;
    if (!this.#isComplete) this.#pending.delete(`${known.typeUrl} ${known.name}`);
    if (before === 0) return;
    this.#leave(known, before, wanted);
    this.#held[known.id] = 0;
  }

  /** The content is held by one client less. */
  #leave(known: Known, id: number, wanted: Map<string, number>): void {
    const content = known.byId.get(id);
    if (!content) return;
    for (const name of content.refers) wanted.set(name, (wanted.get(name) ?? 0) - 1);
    content.holders -= 1;
    if (content.holders === 0) this.#options.resources.forget(known, content);
  }

  /** Asks for routes that listeners newly name, and gives up what none names any more. */
  #follow(wanted: ReadonlyMap<string, number>): void {
    const subscribe: string[] = [];
    const unsubscribe: string[] = [];
    for (const [name, more] of wanted) {
      if (more === 0) continue;
      const before = this.#asked.get(name) ?? 0;
      const now = before + more;
      if (before === 0) subscribe.push(name);
      if (now > 0) this.#asked.set(name, now);
      else {
        this.#asked.delete(name);
        unsubscribe.push(name);
        this.#drop(this.#options.resources.known(TypeUrl.Route, name), new Map());
      }
    }
    if (!this.#isComplete) for (const name of subscribe) this.#pending.add(`${TypeUrl.Route} ${name}`);
    if (subscribe.length + unsubscribe.length > 0) this.#request(TypeUrl.Route, { subscribe, unsubscribe });
  }

  #checkComplete(typeUrl: string): void {
    this.#pending.delete(typeUrl);
    if (this.#pending.size > 0) return;
    this.#isComplete = true;
    this.#options.complete();
  }
}
