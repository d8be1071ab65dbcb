import type { HeaderView, SpanContext } from './outcome.ts';

/** A tag that tracing configuration adds to every span. Envoy: `type.tracing.v3.CustomTag`. */
export type CustomTag =
  | { readonly tag: string; readonly from: 'literal'; readonly value: string }
  | { readonly tag: string; readonly from: 'environment'; readonly name: string; readonly defaultValue: string }
  | { readonly tag: string; readonly from: 'header'; readonly name: string; readonly defaultValue: string };

/** The `tracing` field of an HTTP connection manager, compiled. Percentages are 0…100. */
export interface TracingSettings {
  /** Of requests that ask for a trace by `x-client-trace-id`. Default 100. */
  readonly clientSampling: number;
  /** Of all others. Default 100. */
  readonly randomSampling: number;
  /** Cap on both. Default 100. */
  readonly overallSampling: number;
  readonly customTags: readonly CustomTag[];
  /** Longest path put into `http.url`; default 256. */
  readonly maxPathTagLength: number;
  /** How spans leave: provider's extension name and its encoded configuration (e.g. `envoy.config.trace.v3.OpenTelemetryConfig`). */
  readonly provider?: { readonly name: string; readonly typeUrl: string; readonly value: Uint8Array };
  /** True on inbound and gateway listeners: the span is a server's, otherwise a client's. */
  readonly server: boolean;
}

/** What `inject` may do to the request that goes on. Names are lower-case. */
export interface HeaderWriter extends HeaderView {
  set(name: string, value: string): void;
  remove(name: string): void;
}

/** Decides on sampling and carries trace context; spans themselves are made from the Outcome. */
export interface Tracer {
  /** Called once per request before routing. `x-request-id` is already there. Undefined: the request has no trace at all. */
  start(headers: HeaderView, settings: TracingSettings): SpanContext | undefined;
  /** Writes the context that the upstream must see. */
  inject(span: SpanContext, headers: HeaderWriter): void;
}
