/** The listeners in force. A new or changed listener takes effect when all of its route tables are there. */
import type { Incoming } from '../ending.ts';
import type { ListenerDeps } from '../net/listener.ts';
import { ListenerRuntime, routeNames } from '../net/listener.ts';
import { secretNames } from '../net/tls-settings.ts';
import type { ListenerState, SocketAddress } from '../runtime-contract.ts';
import { decode } from './decode.ts';
import { compileListener, type ListenerContext, type ListenerSettings } from './listeners.ts';

interface Entry {
  active: ListenerRuntime | undefined;
  pending: ListenerSettings | undefined;
}

export interface ListenerStoreDeps extends Omit<ListenerDeps, 'handOver'> {
  readonly context: ListenerContext;
  /** A listener became ready to serve. */
  changed(): void;
}

export class ListenerStore {
  readonly #deps: ListenerStoreDeps;
  readonly #listeners = new Map<string, Entry>();
  readonly #leaving = new Set<ListenerRuntime>();
  #ending = false;
  /** Active listeners by `ip:port`, for connections that the redirecting listener hands over. */
  #byAddress = new Map<string, ListenerRuntime>();

  constructor(deps: ListenerStoreDeps) {
    this.#deps = deps;
  }

  /** @throws ConfigError */
  set(name: string, value: Uint8Array): void {
    const settings = compileListener(decode('listener', value), this.#deps.context);
    const entry = this.#listeners.get(name) ?? { active: undefined, pending: undefined };
    this.#listeners.set(name, entry);
    entry.pending = settings;
    this.activate();
  }

  remove(name: string): void {
    const entry = this.#listeners.get(name);
    this.#listeners.delete(name);
    if (entry?.active) this.#retire(entry.active);
    this.#index();
  }

  /** Puts pending listeners in force whose routes have come. */
  activate(): void {
    for (const entry of this.#listeners.values()) {
      const { pending, active } = entry;
      if (!pending || !routeNames(pending).every((name) => this.#deps.context.routes(name))) continue;
      entry.pending = undefined;
      if (active && active.settings.bind === pending.bind && sameAddress(active.settings.address, pending.address)) {
        active.update(pending);
        continue;
      }
      if (active) this.#retire(active);
      entry.active = new ListenerRuntime(pending, { ...this.#deps, handOver: (destination) => this.#handOver(destination) });
      if (this.#ending) entry.active.announceEnd();
      entry.active.start(() => this.#deps.changed());
    }
    this.#index();
  }

  get ready(): boolean {
    return [...this.#listeners.values()].every(({ active, pending }) => pending === undefined && active?.ready === true);
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
    this.#listeners.clear();
    this.#leaving.clear();
    this.#byAddress.clear();
  }

  #all(): ListenerRuntime[] {
    return [...this.#active(), ...this.#leaving];
  }

  #active(): ListenerRuntime[] {
    return [...this.#listeners.values()].flatMap(({ active }) => (active ? [active] : []));
  }

  #retire(listener: ListenerRuntime): void {
    this.#leaving.add(listener);
    void listener.drain().then(() => this.#leaving.delete(listener));
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
