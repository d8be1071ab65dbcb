/** A scenario: a mesh, what its clients do, and what comes of it, through Envoy and through our proxy alike. */
import type { MeshConfig } from '../../src/api/mesh-config.ts';
import type { AppKind, AppOrder } from './lab/app.ts';
import type { ClientTls } from './lab/client.ts';

export interface Scenario {
  /** A sentence; unique. */
  readonly name: string;
  /** Fields whose effect this shows, as FEATURES.md spells them: `VirtualService.http[].match[].uri`. Each is taken out of the
   * scenario's own objects, and something must then be different. */
  readonly covers?: readonly string[];
  /** For covered fields that cannot just be taken out, or whose absence would show too little: the value to put there instead. */
  readonly without?: Readonly<Record<string, unknown>>;
  /** YAML of the objects beside the base mesh (lab/base-mesh.ts). */
  readonly mesh?: string | readonly string[];
  readonly config?: Partial<MeshConfig>;
  /** Where the client’s pod is: `region/zone/subzone`; default: nowhere. */
  readonly place?: string;
  /** How applications behave on a port; default: `listens`. Ports of services are always served. */
  readonly apps?: Readonly<Record<number, AppKind>>;
  /** `address:port` where connections are refused, or to which packets vanish. */
  readonly refuses?: readonly string[];
  readonly silent?: readonly string[];
  readonly steps: readonly Step[];
  /** Parts of what is observed that are not compared, since they differ from run to run: `log.sent`, `answer.body`. */
  readonly ignores?: readonly string[];
}

export type Step = Ask | Talk | Change | Together | Eject;

/** Where a client stands: in the pod with the sidecar, or outside of every pod. */
export type From = 'client' | 'world';

interface Dial {
  readonly from?: From;
  /** `address:port` to connect to, when it does not follow from the name. */
  readonly at?: string;
  readonly tls?: ClientTls;
  readonly timeoutMs?: number;
}

/** One HTTP request, or the same one many times. */
export interface Ask extends Dial {
  readonly do: 'ask';
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly version: 1 | 2;
  readonly headers: Headers;
  readonly body?: string | Buffer;
  readonly trailers?: Record<string, string>;
  readonly app?: AppOrder;
  /** Instead of a request: these bytes. `{id}` stands for the header that names the scenario. */
  readonly raw?: string;
  /** So often, one after the other by one connection; what is observed is how often each `tally` came out. */
  readonly times?: number;
  readonly tally?: 'body' | 'status' | 'seen' | 'connections';
  /** The request is never ended: more of its body would follow. */
  readonly unfinished?: boolean;
  /** Gives up, as a client that goes away, when the application has all that was sent, or when some of the answer's body has come;
   * default: waits for the end. */
  readonly leaves?: 'when-seen' | 'when-heard';
  /** Gives up after so long, where nobody outside the proxy can tell how far it is. */
  readonly leaveAfterMs?: number;
  readonly expect: AskExpectation;
}

export type Headers = Readonly<Record<string, string | readonly string[]>>;

/** What must be in what is observed. A header `null` must not be there. */
export interface AskExpectation {
  readonly status?: number;
  readonly body?: string | RegExp;
  readonly headers?: Readonly<Record<string, string | RegExp | null>>;
  readonly trailers?: Readonly<Record<string, string | RegExp | null>>;
  readonly interim?: readonly number[];
  /** Default: `complete`. */
  readonly end?: string | RegExp;
  /** What the applications saw, in order. */
  readonly seen?: readonly SeenExpectation[];
  readonly log?: Readonly<Record<string, string | number | null | RegExp>>;
  /** Of `times`: the share of each outcome, 0…1, to within 0.15. */
  readonly shares?: Readonly<Record<string, number>>;
}

export interface SeenExpectation {
  readonly at?: string;
  readonly port?: number;
  readonly method?: string;
  readonly path?: string;
  readonly authority?: string;
  readonly protocol?: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';
  readonly headers?: Readonly<Record<string, string | RegExp | null>>;
  readonly body?: string;
  readonly bytes?: string;
  readonly end?: string;
  readonly trailers?: Readonly<Record<string, string>>;
  readonly tls?: Readonly<Record<string, string | RegExp>>;
}

/** A conversation in bytes. */
export interface Talk extends Dial {
  readonly do: 'talk';
  readonly to: string;
  readonly lines: readonly TalkLine[];
  readonly expect: TalkExpectation;
}

export type TalkLine =
  | { readonly send: string }
  /** Waits until all that was received contains this. */
  | { readonly until: string }
  /** Says that nothing more will be sent. */
  | { readonly finish: true }
  | { readonly reset: true }
  /** Waits until the other side ends. */
  | { readonly untilEnd: true };

export interface TalkExpectation {
  readonly received?: string | RegExp;
  /** `open`: we left first. */
  readonly end?: string;
  readonly seen?: readonly SeenExpectation[];
  readonly log?: AskExpectation['log'];
}

/** The configuration changes: objects of the same kind and name are replaced, others are added. */
export interface Change {
  readonly do: 'change';
  readonly apply?: string;
  /** `Kind/name` */
  readonly remove?: readonly string[];
}

/** Asks until the client's proxy has ejected all of these endpoints; how often is not observed: Envoy ejects by another thread. Beside `AT_ONCE`. */
export interface Eject {
  readonly do: 'eject';
  readonly ask: Ask;
  /** `address:port` */
  readonly endpoints: readonly string[];
}

/** Several at once. */
export interface Together {
  readonly do: 'together';
  readonly steps: readonly (Ask | Talk)[];
}

export type AskOptions = Partial<Omit<Ask, 'do' | 'method' | 'authority' | 'path' | 'expect'>>;

/** @param url `HOST[:PORT]/path`; a name of the mesh is dialled at its service address */
export function ask(method: string, url: string, options: AskOptions, expect: AskExpectation): Ask {
  const slash = url.indexOf('/');
  const [authority, path] = slash < 0 ? [url, '/'] : [url.slice(0, slash), url.slice(slash)];
  return { do: 'ask', method, authority, path, version: 1, headers: {}, ...options, expect };
}

export const get = (url: string, expect: AskExpectation, options: AskOptions = {}): Ask => ask('GET', url, options, expect);
export const post = (url: string, body: string, expect: AskExpectation, options: AskOptions = {}): Ask => ask('POST', url, { body, ...options }, expect);
export const raw = (url: string, text: string, expect: AskExpectation, options: AskOptions = {}): Ask => ask(text.split(' ')[0] ?? '', url, { raw: text, ...options }, expect);
/** From outside of the mesh, to the gateway. */
export const outside = (url: string, expect: AskExpectation, options: AskOptions = {}): Ask => ask('GET', url, { from: 'world', ...options }, expect);

/** A gRPC call with one message. @param url `HOST:PORT/package.Service/Method` */
export function grpc(url: string, expect: AskExpectation, options: AskOptions = {}): Ask {
  const message = Buffer.from([0, 0, 0, 0, 2, 0x68, 0x69]);
  return ask('POST', url, { version: 2, body: message, app: { grpcStatus: 0 }, ...options, headers: { 'content-type': 'application/grpc', te: 'trailers', ...options.headers } }, expect);
}

export const talk = (to: string, lines: readonly TalkLine[], expect: TalkExpectation, options: Dial = {}): Talk => ({ do: 'talk', to, lines, ...options, expect });
/** @param ask as often as it takes, of which these endpoints fail */
export const eject = (endpoints: readonly string[], ask: Ask): Eject => ({ do: 'eject', endpoints, ask });
export const change = (apply: string, remove: readonly string[] = []): Change => ({ do: 'change', apply, remove });
export const together = (...steps: readonly (Ask | Talk)[]): Together => ({ do: 'together', steps });

/** A VirtualService of namespace `default`. @param spec YAML of its spec */
export const virtualService = (spec: string, name = 'vs', namespace = 'default'): string => object('networking.istio.io/v1', 'VirtualService', { spec, name, namespace });
export const destinationRule = (spec: string, name = 'dr', namespace = 'default'): string => object('networking.istio.io/v1', 'DestinationRule', { spec, name, namespace });
export const gateway = (spec: string, name = 'gw', namespace = 'default'): string => object('networking.istio.io/v1', 'Gateway', { spec, name, namespace });
export const serviceEntry = (spec: string, name = 'se', namespace = 'default'): string => object('networking.istio.io/v1', 'ServiceEntry', { spec, name, namespace });
export const sidecar = (spec: string, name = 'default', namespace = 'default'): string => object('networking.istio.io/v1', 'Sidecar', { spec, name, namespace });

export function object(apiVersion: string, kind: string, of: { spec: string; name: string; namespace: string }): string {
  const lines = of.spec.replace(/^\n+|\s+$/g, '').split('\n');
  const indent = Math.min(...lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)));
  return `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${of.name}, namespace: ${of.namespace}}\nspec:\n${lines.map((line) => `  ${line.slice(indent)}`).join('\n')}\n`;
}

/** With these Envoy tells the thread that serves of each ejection at once: else it gathers them for a second. Our proxy has no such wait. */
export const AT_ONCE = object('networking.istio.io/v1alpha3', 'EnvoyFilter', { name: 'at-once', namespace: 'default', spec: '{configPatches: [{applyTo: CLUSTER, match: {context: SIDECAR_OUTBOUND}, patch: {operation: MERGE, value: {common_lb_config: {update_merge_window: 0s}}}}]}' });

/** Subsets v1 and v2 of `app`. */
export const APP_SUBSETS = destinationRule('{host: app, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}', 'app-subsets');
