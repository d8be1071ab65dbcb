/** The listeners in force. A new or changed listener takes effect when its port is bound and all of its route tables are there. */
import type { Incoming } from '../ending.ts';
import { ConfigError } from '../errors.ts';
import { BoundPort } from '../net/bound-port.ts';
import { isPipe } from '../net/format-address.ts';
import type { ListenerDeps } from '../net/listener.ts';
import { ListenerRuntime, routeNames } from '../net/listener.ts';
import { secretNames } from '../net/tls-settings.ts';
import type { ListenerState, Rejected, SocketAddress } from '../runtime-contract.ts';
import { decode } from './decode.ts';
import { PortWatch } from './port-watch.ts';
import { compileListener, type ListenerContext, type ListenerSettings } from './listeners.ts';

interface Entry {
  active: ListenerRuntime | undefined;
  pending: ListenerSettings | undefined;
  /** Of the pending one, when it does not go on with that of the active one. */
  port: BoundPort | undefined;
}

export interface ListenerStoreDeps extends Omit<ListenerDeps, 'handOver'> {
  readonly context: ListenerContext;
  /** A listener was refused because somebody had its port, who is gone. */
  onPortFree(name: string): void;
}

export class ListenerStore {
  readonly #deps: ListenerStoreDeps;
  readonly #listeners = new Map<string, Entry>();
  readonly #leaving = new Set<ListenerRuntime>();
  /** Ports of which nobody has been told yet how it went. */
  readonly #binding = new Map<string, BoundPort>();
  readonly #taken: PortWatch;
  #ending = false;
  /** Active listeners by `ip:port`, for connections that the redirecting listener hands over. */
  #byAddress = new Map<string, ListenerRuntime>();

  constructor(deps: ListenerStoreDeps) {
    this.#deps = deps;
    this.#taken = new PortWatch({ clock: deps.services.clock, random: deps.services.random, onFree: (name) => deps.onPortFree(name) });
  }

  /** @throws ConfigError */
  set(name: string, value: Uint8Array): void {
    const { context } = this.#deps;
    const settings = compileListener(decode('listener', value), { ...context, filters: { ...context.filters, buckets: context.filters.buckets.within(name, value) } });
    const holder = this.#holderOf(settings, name);
    if (holder !== undefined) throw new ConfigError(`has the address ${settings.address.address}:${settings.address.port} of listener ${holder}`);
    const entry = this.#listeners.get(name) ?? { active: undefined, pending: undefined, port: undefined };
    this.#listeners.set(name, entry);
    entry.pending = settings;
    this.#bind(name, entry, settings);
    this.activate();
  }

  /** How it went with the ports of the listeners that were set since the last call. What could not be bound is no listener.
   * @returns undefined when there were none */
  bound(): Promise<Rejected[]> | undefined {
    if (this.#binding.size === 0) return undefined;
    const binding = [...this.#binding];
    this.#binding.clear();
    return Promise.all(binding.map(async ([name, port]) => ({ name, port, message: await port.failure }))).then((all) => all.flatMap(({ name, port, message }) => {
      // Meanwhile it may have been removed, or moved on to another port.
      if (message === undefined || !this.#drop(name, port)) return [];
      this.#taken.watch(name, port.wanted);
      return [{ name, message }];
    }));
  }

  remove(name: string): void {
    const entry = this.#listeners.get(name);
    this.#listeners.delete(name);
    entry?.port?.close();
    this.#taken.take(name)?.close();
    if (entry?.active) this.#retire(entry.active);
    this.#index();
  }

  /** Puts pending listeners in force whose routes have come. */
  activate(): void {
    for (const entry of this.#listeners.values()) {
      const { pending, active, port } = entry;
      if (!pending || (port && !port.bound) || !routeNames(pending).every((name) => this.#deps.context.routes(name))) continue;
      entry.pending = undefined;
      entry.port = undefined;
      if (active && active.settings.bind === pending.bind && sameAddress(active.settings.address, pending.address)) {
        active.update(pending);
        continue;
      }
      const next = (entry.active = new ListenerRuntime(pending, { ...this.#deps, handOver: (destination) => this.#handOver(destination) }, port));
      if (this.#ending) next.announceEnd();
      next.start();
      if (active) this.#retire(active, port && active.settings.bind && active.settings.address.port === pending.address.port ? next : undefined);
    }
    this.#index();
  }

  get ready(): boolean {
    return [...this.#listeners.values()].every(({ active, pending }) => pending === undefined && active !== undefined);
  }

  warm(name: string): boolean {
    return this.#listeners.get(name)?.pending === undefined;
  }

  routeNames(): string[] {
    return [...this.#listeners.values()].flatMap(({ active, pending }) => [...(active?.routeNames ?? []), ...(pending ? routeNames(pending) : [])]);
  }

  secretNames(): string[] {
    const pending = [...this.#listeners.values()].flatMap((entry) => entry.pending?.chains ?? []);
    return [...pending.flatMap(({ tls }) => secretNames(tls)), ...this.#active().flatMap((listener) => listener.secretNames)];
  }

  sweep(now: number): void {
    for (const listener of [...this.#active(), ...this.#leaving]) listener.sweep(now);
  }

  get activeRequests(): number {
    return [...this.#active(), ...this.#leaving].reduce((sum, listener) => sum + listener.activeRequests, 0);
  }

  states(): ListenerState[] {
    return this.#active().map((listener) => listener.state());
  }

  /** Clients are told to go, those of listeners to come too. */
  announceEnd(): void {
    this.#ending = true;
    for (const listener of this.#all()) listener.announceEnd();
  }

  /** What others ask of this workload. */
  incoming(): Incoming {
    const all = this.#all().filter(({ settings }) => settings.reporter === 'destination').map(({ incoming }) => incoming);
    return { arrivals: all.reduce((sum, { arrivals }) => sum + arrivals, 0), unanswered: all.reduce((sum, { unanswered }) => sum + unanswered, 0) };
  }

  /** Stops accepting; resolves when every connection has ended. */
  async drain(): Promise<void> {
    await Promise.all(this.#all().map((listener) => listener.drain()));
  }

  get openConnections(): number {
    return this.#all().reduce((sum, listener) => sum + listener.openConnections, 0);
  }

  get lastAcceptedAt(): number {
    return Math.max(-Infinity, ...this.#all().map((listener) => listener.lastAcceptedAt));
  }

  closeIdle(before: number): void {
    for (const listener of this.#all()) listener.closeIdle(before);
  }

  close(): void {
    for (const listener of [...this.#active(), ...this.#leaving]) listener.close();
    for (const { port } of this.#listeners.values()) port?.close();
    this.#listeners.clear();
    this.#leaving.clear();
    this.#taken.close();
    this.#byAddress.clear();
  }

  /** Another listener that has the address: the kernel would let both have it. */
  #holderOf({ bind, address }: ListenerSettings, name: string): string | undefined {
    if (!bind || address.port === 0) return undefined;
    for (const [other, { active, pending }] of this.#listeners) {
      const theirs = pending ?? active?.settings;
      if (other !== name && theirs?.bind === true && sameAddress(theirs.address, address)) return other;
    }
    return undefined;
  }

  #bind(name: string, entry: Entry, settings: ListenerSettings): void {
    const { active, port } = entry;
    const { address } = settings;
    const bind = settings.bind && (this.#deps.bind.ownsPaths !== false || !isPipe(address));
    const wanted = this.#deps.bind.locate?.(name, address) ?? address;
    if (port && bind && sameAddress(port.wanted, wanted)) return;
    port?.close();
    entry.port = undefined;
    const held = this.#taken.take(name);
    const isHeld = held !== undefined && bind && sameAddress(held.wanted, wanted);
    if (!isHeld) held?.close();
    if (!bind || (active?.settings.bind === true && sameAddress(active.settings.address, address))) return held?.close();
    const next = isHeld ? held : new BoundPort(wanted);
    entry.port = next;
    this.#binding.set(name, next);
    void next.failure.then((failure) => {
      if (failure === undefined) return this.activate();
      this.#deps.log.error('cannot bind a listener', { listener: name, error: failure });
    });
  }

  /** @returns false when it is another one by now */
  #drop(name: string, port: BoundPort): boolean {
    const entry = this.#listeners.get(name);
    if (entry?.port !== port) return false;
    entry.port = undefined;
    entry.pending = undefined;
    if (!entry.active) this.#listeners.delete(name);
    return true;
  }

  #all(): ListenerRuntime[] {
    return [...this.#active(), ...this.#leaving];
  }

  #active(): ListenerRuntime[] {
    return [...this.#listeners.values()].flatMap(({ active }) => (active ? [active] : []));
  }

  #retire(listener: ListenerRuntime, heir?: ListenerRuntime): void {
    this.#leaving.add(listener);
    void listener.drain(heir).then(() => this.#leaving.delete(listener));
  }

  #index(): void {
    this.#byAddress = new Map(this.#active().filter((listener) => !listener.settings.handsOver).map((listener) => [addressKey(listener.settings.address), listener]));
  }

  #handOver(destination: SocketAddress): ListenerRuntime | undefined {
    return this.#byAddress.get(addressKey(destination)) ?? this.#byAddress.get(addressKey({ address: '0.0.0.0', port: destination.port })) ?? this.#byAddress.get(addressKey({ address: '::', port: destination.port }));
  }
}

const addressKey = ({ address, port }: SocketAddress) => `${address}|${port}`;
const sameAddress = (a: SocketAddress, b: SocketAddress) => addressKey(a) === addressKey(b);
