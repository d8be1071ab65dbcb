/** Keeps the hosts of STRICT_DNS and LOGICAL_DNS clusters up to date by the system's resolver. */
import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import type { Clock, Timer } from '../../base/clock.ts';
import type { HostConfig } from './host.ts';

export interface DnsRules {
  /** True: every address is a host; false: the first stands for the name. */
  readonly strict: boolean;
  readonly refreshMs: number;
  readonly family: 0 | 4 | 6;
}

export interface DnsDeps {
  readonly clock: Clock;
  /** Called after each round; a name that does not resolve keeps its last addresses. */
  found(hosts: readonly HostConfig[]): void;
}

/** Resolves at once and then periodically. @returns stop */
export function resolveHosts(names: readonly HostConfig[], rules: DnsRules, deps: DnsDeps): () => void {
  const known = new Map<string, readonly string[]>();
  let stopped = false;
  let timer: Timer | undefined;
  const round = (): void => {
    let open = names.length;
    const done = (): void => {
      if (--open > 0 || stopped) return;
      deps.found(names.flatMap((name) => expand(name, known.get(name.address.address) ?? [], rules.strict)));
      timer = deps.clock.after(rules.refreshMs, round);
      timer.unref();
    };
    if (names.length === 0) deps.found([]);
    for (const name of names) resolve(name.address.address, rules.family, known, done);
  };
  round();
  return () => {
    stopped = true;
    timer?.cancel();
  };
}

function resolve(name: string, family: 0 | 4 | 6, known: Map<string, readonly string[]>, done: () => void): void {
  if (isIP(name) !== 0) {
    known.set(name, [name]);
    done();
    return;
  }
  lookup(name, { all: true, family }, (error, addresses) => {
    if (!error && addresses.length > 0) known.set(name, addresses.map((entry) => entry.address));
    done();
  });
}

function expand(name: HostConfig, addresses: readonly string[], strict: boolean): HostConfig[] {
  const hostname = name.hostname === '' ? name.address.address : name.hostname;
  return (strict ? addresses : addresses.slice(0, 1)).map((address) => ({ ...name, hostname, address: { address, port: name.address.port } }));
}
