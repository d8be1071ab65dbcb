import { hash } from 'node:crypto';
import type { WasmPlugin } from '../../api/wasm-plugin.ts';
import type { Clock } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Stored } from '../../kube/object.ts';
import { createFetchedStore, download, type FetchedStore } from './fetched-store.ts';
import { isGatewayRef } from './gateway-refs.ts';
import type { LeftOut } from './snapshot.ts';

const RETRY_MS = 5_000;
const LIMITS = { timeoutMs: 10_000, maxBytes: 64 * 1024 * 1024 };
const MAGIC = Buffer.from('\0asm', 'latin1');

/** A module that was looked at: what it is, or why it is none. */
export type WasmModule = { readonly sha256: string } | { readonly problem: string };

/** By `moduleKey`; what is being looked at is not there. */
export type WasmModules = ReadonlyMap<string, WasmModule>;

/** Where a module comes from. */
export type Source = { readonly kind: 'file'; readonly path: string } | { readonly kind: 'http'; readonly url: URL } | { readonly kind: 'none'; readonly why: string };

/** @param url a text without a scheme names an image, as in Istio */
export function moduleSource(url: string): Source {
  if (url.startsWith('file://')) return { kind: 'file', path: url.slice('file://'.length) };
  if (!/^https?:\/\//.test(url)) return { kind: 'none', why: 'images are not pulled: serve the module by http:// or https://, or mount it into the pods (sidecar.istio.io/userVolume) and name it by file://. The plugin is not there' };
  const parsed = URL.parse(url);
  return parsed ? { kind: 'http', url: parsed } : { kind: 'none', why: 'is no URL. The plugin is not there' };
}

/** What was fetched stays, unless the object says Always: then each of its changes fetches anew. */
export const moduleKey = ({ metadata, spec }: Stored<WasmPlugin>): string => (spec.imagePullPolicy === 'Always' ? `${spec.url} ${metadata.uid} ${metadata.resourceVersion}` : spec.url);

export type ModuleStore = FetchedStore<Stored<WasmPlugin>, WasmModule>;

export interface ModuleStoreDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Something came to be known. */
  changed(): void;
  /** Default: HTTP GET. */
  fetch?(url: string): Promise<Uint8Array>;
}

/** Looks at the modules that plugins name by URL. Proxies fetch them by themselves, but only what they can verify: the digest of a module
 * for which the object gives none comes from here. A failed fetch is tried again after 5 seconds. */
export function createModuleStore({ clock, log, changed, fetch: get = (url) => download(url, LIMITS) }: ModuleStoreDeps): ModuleStore {
  return createFetchedStore<Stored<WasmPlugin>, WasmModule>({
    clock,
    changed,
    wanted: (objects) => new Map(objects.filter(isFetched).map((o) => [moduleKey(o), o.spec.url])),
    async load(url) {
      try {
        const value = inspect(await get(url));
        return 'problem' in value ? { value, againMs: RETRY_MS } : { value };
      } catch (error) {
        log.warn('the module of a WasmPlugin cannot be fetched', { url, error: errorText(error) });
        return { value: { problem: errorText(error) }, againMs: RETRY_MS };
      }
    },
    isSame: (a, b) => JSON.stringify(a) === JSON.stringify(b),
  });
}

/** @param object as it was stored: it may not be valid */
const isFetched = ({ spec }: { readonly spec?: { readonly url?: unknown } }): boolean => typeof spec?.url === 'string' && moduleSource(spec.url).kind === 'http';

const inspect = (bytes: Uint8Array): WasmModule =>
  MAGIC.equals(bytes.subarray(0, MAGIC.length)) ? { sha256: hash('sha256', bytes) } : { problem: 'it is no WebAssembly module: it does not begin with \\0asm' };

/** What is to be said of plugins that are not in effect as they were written. */
export function pluginProblems(objects: readonly Stored<WasmPlugin>[], modules: WasmModules): LeftOut[] {
  return objects.flatMap((object): LeftOut[] => {
    const { metadata, spec } = object;
    const at = { kind: 'WasmPlugin', namespace: metadata.namespace ?? '', name: metadata.name };
    const reload = spec.failStrategy === 'FAIL_RELOAD' ? [{ ...at, field: 'spec.failStrategy', reason: 'a module that has failed is not started anew: requests are answered 503, as with FAIL_CLOSE, until the object or the pod changes' }] : [];
    return [...reload, ...refProblems(object, at), ...moduleProblems(object, at, modules)];
  });
}

function refProblems({ spec }: Stored<WasmPlugin>, at: Omit<LeftOut, 'reason'>): LeftOut[] {
  const refs = [...(spec.targetRef ? [['spec.targetRef', spec.targetRef] as const] : []), ...(spec.targetRefs ?? []).map((ref, i) => [`spec.targetRefs[${i}]`, ref] as const)];
  return refs.flatMap(([field, ref]) => (isGatewayRef(ref) ? [] : [{ ...at, field, reason: `${ref.kind} ${ref.name} has no proxy of its own: name a Gateway of gateway.networking.k8s.io, or select pods by selector` }]));
}

function moduleProblems(object: Stored<WasmPlugin>, at: Omit<LeftOut, 'reason'>, modules: WasmModules): LeftOut[] {
  const { spec } = object;
  if (spec.type === 'NETWORK') return [{ ...at, field: 'spec.type', reason: 'plugins are HTTP filters only. The plugin is not there' }];
  const source = moduleSource(spec.url);
  if (source.kind === 'none') return [{ ...at, field: 'spec.url', reason: source.why }];
  const found = modules.get(moduleKey(object));
  if (source.kind === 'file' || (found && 'sha256' in found && (!spec.sha256 || found.sha256 === spec.sha256))) return [];
  const instead = spec.failStrategy === 'FAIL_OPEN' ? 'requests pass as if the plugin were not there (failStrategy FAIL_OPEN)' : 'requests are answered 503 (failStrategy)';
  if (!found) return spec.sha256 ? [] : [{ ...at, field: 'spec.url', reason: 'the module is being fetched for its digest; until then the plugin is not there' }];
  if ('sha256' in found) return [{ ...at, field: 'spec.sha256', reason: `what ${spec.url} serves has the digest ${found.sha256}: ${instead}` }];
  return [{ ...at, field: 'spec.url', reason: `the control plane cannot fetch the module: ${found.problem}${spec.sha256 ? '; proxies that can fetch it use it' : `; ${instead}`}` }];
}
