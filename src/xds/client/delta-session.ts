/** The client's half of incremental xDS as a pure state machine: what is subscribed, what is held in which version, and
 * what to send next. Spec: xDS "Incremental xDS". It survives connections: a new stream starts from what is held. */

/** A DeltaDiscoveryRequest without the node, as plain values. */
export interface DeltaRequest {
  readonly typeUrl: string;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** First request of a type on a stream only. */
  readonly initialVersions: Readonly<Record<string, string>>;
  readonly nonce: string;
  readonly error?: string;
}

export interface DeltaResource {
  readonly name: string;
  readonly version: string;
  /** Encoded message, as in `Any.value`. */
  readonly value: Uint8Array;
}

export interface DeltaResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly DeltaResource[];
  readonly removed: readonly string[];
}

export interface RejectedResource {
  readonly name: string;
  readonly message: string;
}

/** What a response changes for the application. */
export interface DeltaUpdate {
  readonly typeUrl: string;
  readonly upserted: readonly DeltaResource[];
  readonly removed: readonly string[];
}

/** An empty list in the first request of a type says the same, but only of types that nobody asks for by name. */
const EVERYTHING: readonly string[] = ['*'];

interface TypeState {
  /** undefined: wildcard, everything the server has for us. */
  names: Set<string> | undefined;
  /** Names in force, with the version that was accepted. */
  readonly versions: Map<string, string>;
  /** True once this stream has seen a request for the type. */
  announced: boolean;
}

export class DeltaSession {
  readonly #types = new Map<string, TypeState>();
  #isOpen = false;

  /** Subscribes to all resources of a type, in the order of calls. */
  subscribeAll(typeUrl: string): DeltaRequest | undefined {
    const known = this.#types.get(typeUrl);
    if (known && known.names === undefined) return undefined;
    const state: TypeState = { names: undefined, versions: known?.versions ?? new Map(), announced: false };
    this.#types.set(typeUrl, state);
    return this.#isOpen ? this.#announce(typeUrl, state) : undefined;
  }

  /** Sets the names wanted of a type. What is no longer wanted is forgotten. The request to send now, if any. */
  setNames(typeUrl: string, names: ReadonlySet<string>): DeltaRequest | undefined {
    const state = this.#types.get(typeUrl) ?? { names: new Set<string>(), versions: new Map<string, string>(), announced: false };
    this.#types.set(typeUrl, state);
    const before = state.names ?? new Set<string>();
    const subscribe = [...names].filter((name) => !before.has(name));
    // Who asked for everything does so no more.
    const unsubscribe = state.names === undefined ? EVERYTHING : [...before].filter((name) => !names.has(name));
    state.names = new Set(names);
    for (const name of unsubscribe) state.versions.delete(name);
    if (!this.#isOpen) return undefined;
    if (!state.announced) return names.size === 0 ? undefined : this.#announce(typeUrl, state);
    if (subscribe.length === 0 && unsubscribe.length === 0) return undefined;
    return { typeUrl, subscribe, unsubscribe, initialVersions: {}, nonce: '' };
  }

  /** For one resource of a type that is known: a name that is subscribed to again is sent again. A new stream brings it anyway. */
  askAgain(typeUrl: string, name: string): DeltaRequest | undefined {
    if (!this.#isOpen || this.#types.get(typeUrl)?.announced !== true) return undefined;
    return { typeUrl, subscribe: [name], unsubscribe: [], initialVersions: {}, nonce: '' };
  }

  /** Takes over what was in force before a restart, so that the server sends only what changed since. */
  restore(typeUrl: string, resources: readonly Pick<DeltaResource, 'name' | 'version'>[]): void {
    const state = this.#types.get(typeUrl);
    for (const resource of resources) state?.versions.set(resource.name, resource.version);
  }

  /** A new stream: the requests to open it with. */
  open(): DeltaRequest[] {
    this.#isOpen = true;
    const requests: DeltaRequest[] = [];
    for (const [typeUrl, state] of this.#types) {
      state.announced = false;
      if (state.names === undefined || state.names.size > 0) requests.push(this.#announce(typeUrl, state));
    }
    return requests;
  }

  closed(): void {
    this.#isOpen = false;
  }

  /** What of a response concerns us; resources that were unsubscribed while it was under way are left out. */
  receive(response: DeltaResponse): DeltaUpdate {
    const names = this.#types.get(response.typeUrl)?.names;
    const isWanted = (name: string) => names === undefined || names.has(name);
    return {
      typeUrl: response.typeUrl,
      upserted: response.resources.filter((resource) => isWanted(resource.name)),
      removed: response.removed.filter(isWanted),
    };
  }

  /** Records what was applied, and answers with ACK or NACK. A refused resource keeps the version that is in force. */
  acknowledge(response: DeltaResponse, rejected: readonly RejectedResource[]): DeltaRequest {
    const state = this.#types.get(response.typeUrl);
    const refused = new Set(rejected.map((r) => r.name));
    for (const name of response.removed) if (!refused.has(name)) state?.versions.delete(name);
    for (const { name, version } of response.resources) {
      if (!refused.has(name) && (state?.names === undefined || state.names.has(name))) state?.versions.set(name, version);
    }
    const ack = { typeUrl: response.typeUrl, subscribe: [], unsubscribe: [], initialVersions: {}, nonce: response.nonce };
    return rejected.length === 0 ? ack : { ...ack, error: rejected.map((r) => `${r.name}: ${r.message}`).join('\n') };
  }

  /** Version in force. */
  version(typeUrl: string, name: string): string | undefined {
    return this.#types.get(typeUrl)?.versions.get(name);
  }

  #announce(typeUrl: string, state: TypeState): DeltaRequest {
    state.announced = true;
    return { typeUrl, subscribe: state.names ? [...state.names] : EVERYTHING, unsubscribe: [], initialVersions: Object.fromEntries(state.versions), nonce: '' };
  }
}
