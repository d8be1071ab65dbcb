import type { Clock, Timer } from '../../base/clock.ts';
import { MeshError } from '../../base/errors.ts';

/** How long the start of the control plane waits. */
const SETTLE_MS = 10_000;

/** What objects of the mesh name by URL, and the control plane fetches for them. */
export interface FetchedStore<O, V> {
  /** What is known of what these objects name. The same map as long as nothing new came. Begins to fetch what is missing, and forgets
   * what nobody names any more. */
  of(objects: readonly O[]): ReadonlyMap<string, V>;
  /** Waits until all of it has been fetched, or found missing, once; but not for ever. */
  settled(objects: readonly O[]): Promise<void>;
  close(): void;
}

export interface Loaded<V> {
  /** undefined: what was known, if anything, stays. */
  readonly value: V | undefined;
  /** Until it is fetched again; undefined: it is not. */
  readonly againMs?: number;
}

export interface FetchedStoreDeps<O, V> {
  readonly clock: Clock;
  /** URLs of what these objects name, by the key under which it is kept. */
  wanted(objects: readonly O[]): ReadonlyMap<string, string>;
  /** Never rejects. */
  load(url: string): Promise<Loaded<V>>;
  isSame(a: V, b: V): boolean;
  /** Something came to be known, or is other than before. */
  changed(): void;
}

/** What is named now. */
interface Kept {
  first: Promise<void>;
  /** Where it is to be fetched again. */
  timer: Timer | undefined;
}

export function createFetchedStore<O, V>({ clock, wanted, load, isSame, changed }: FetchedStoreDeps<O, V>): FetchedStore<O, V> {
  const kept = new Map<string, Kept>();
  let known: ReadonlyMap<string, V> = new Map();
  let from: readonly O[] | undefined;

  const keep = async (key: string, url: string, entry: Kept): Promise<void> => {
    entry.timer = undefined;
    const { value, againMs } = await load(url);
    // Forgotten meanwhile, and perhaps named again: then that one is on its way.
    if (kept.get(key) !== entry) return;
    const before = known.get(key);
    if (value !== undefined && (before === undefined || !isSame(before, value))) {
      known = new Map([...known, [key, value]]);
      changed();
    }
    if (againMs === undefined) return;
    entry.timer = clock.after(againMs, () => void keep(key, url, entry));
    entry.timer.unref();
  };
  const begin = (key: string, url: string): void => {
    const entry: Kept = { first: Promise.resolve(), timer: undefined };
    kept.set(key, entry);
    entry.first = keep(key, url, entry);
  };
  const forget = (isNamed: (key: string) => boolean): void => {
    for (const [key, { timer }] of kept) {
      if (isNamed(key)) continue;
      timer?.cancel();
      kept.delete(key);
    }
  };
  const store: FetchedStore<O, V> = {
    of(objects) {
      if (objects === from) return known;
      from = objects;
      const named = wanted(objects);
      forget((key) => named.has(key));
      if ([...known.keys()].some((key) => !named.has(key))) known = new Map([...known].filter(([key]) => named.has(key)));
      for (const [key, url] of named) if (!kept.has(key)) begin(key, url);
      return known;
    },
    async settled(objects) {
      store.of(objects);
      if (kept.size === 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = clock.after(SETTLE_MS, resolve);
      await Promise.race([Promise.all(Array.from(kept.values(), ({ first }) => first)), promise]);
      timer.cancel();
    },
    close: () => forget(() => false),
  };
  return store;
}

class DownloadError extends MeshError<'DOWNLOAD'> {}

export interface DownloadLimits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/** HTTP GET. Throws a text for people when there is no such thing, it is too large or takes too long. */
export async function download(url: string, { timeoutMs, maxBytes }: DownloadLimits): Promise<Buffer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' });
  if (!response.ok) throw new DownloadError('DOWNLOAD', `${url} answers ${response.status}`);
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > maxBytes) throw new DownloadError('DOWNLOAD', `${url} is larger than ${maxBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
