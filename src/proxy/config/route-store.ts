/** The route tables in force. Those whose virtual hosts come one by one (Envoy: `vhds`) are put together here: a change of one
 * host compiles that host. */
import { indexVirtualHosts } from '../route/virtual-hosts.ts';
import { decode, type MessageOf } from './decode.ts';
import { compileRoutes, edits, LazyHost, type RouteCompiler, type RouteTable } from './routes.ts';

type RoutesMessage = MessageOf<'routes'>;

interface Apart {
  readonly message: RoutesMessage;
  readonly own: RouteTable;
  readonly hosts: Map<string, LazyHost>;
  /** Undefined: hosts have changed since. */
  table: RouteTable | undefined;
}

export class RouteStore {
  readonly #compiler: RouteCompiler;
  readonly #whole = new Map<string, RouteTable>();
  readonly #apart = new Map<string, Apart>();
  /** By table and name, encoded: also those whose table has not come yet. */
  readonly #hosts = new Map<string, Map<string, Uint8Array>>();
  /** True once virtual hosts have been heard of. Until then a table without them would lead to the wrong places. */
  hasHosts = false;

  constructor(compiler: RouteCompiler) {
    this.#compiler = compiler;
  }

  /** Undefined while it has not come, or its hosts have not. */
  get(name: string): RouteTable | undefined {
    const whole = this.#whole.get(name);
    if (whole) return whole;
    const apart = this.#apart.get(name);
    if (!apart || !this.hasHosts) return undefined;
    apart.table ??= joined(apart);
    return apart.table;
  }

  /** @throws ConfigError */
  set(name: string, value: Uint8Array): void {
    const message = decode('routes', value);
    const own = compileRoutes(message, this.#compiler);
    if (!message.vhds) {
      this.#whole.set(name, own);
      this.#apart.delete(name);
      return;
    }
    const compiler = this.#compiler.within?.(name) ?? this.#compiler;
    const hosts = new Map([...(this.#hosts.get(name) ?? [])].map(([host, one]) => [host, new LazyHost(one, edits(message), compiler)]));
    this.#apart.set(name, { message, own, hosts, table: undefined });
    this.#whole.delete(name);
  }

  remove(name: string): void {
    this.#whole.delete(name);
    this.#apart.delete(name);
  }

  /** @param name `ROUTES/HOST`
   * @throws ConfigError */
  setHost(name: string, value: Uint8Array): void {
    const { table, host } = parts(name);
    const apart = this.#apart.get(table);
    const named = new LazyHost(value, apart ? edits(apart.message) : NO_EDITS, this.#compiler.within?.(table) ?? this.#compiler);
    this.#hosts.getOrInsertComputed(table, () => new Map()).set(host, value);
    if (!apart) return;
    apart.hosts.set(host, named);
    apart.table = undefined;
  }

  removeHost(name: string): void {
    const { table, host } = parts(name);
    this.#hosts.get(table)?.delete(host);
    const apart = this.#apart.get(table);
    if (!apart) return;
    apart.hosts.delete(host);
    apart.table = undefined;
  }
}

const NO_EDITS = { request: undefined, response: undefined };

function parts(name: string): { table: string; host: string } {
  const slash = name.indexOf('/');
  return { table: name.slice(0, slash), host: name.slice(slash + 1) };
}

/** While hosts change hands one by one, two may claim a name for a moment: the first keeps it. */
function joined({ message, own, hosts }: Apart): RouteTable {
  const virtualHosts = [...hosts.values(), ...own.virtualHosts];
  return { name: message.name, virtualHosts, find: indexVirtualHosts(virtualHosts, message.ignorePortInHostMatching, 'first').find };
}
