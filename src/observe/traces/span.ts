/** A span as the store keeps it: Jaeger's model, whatever protocol it came by. */
export type TagValue = { readonly type: 'string'; readonly value: string } | { readonly type: 'bool'; readonly value: boolean } | { readonly type: 'int64' | 'float64'; readonly value: number } | { readonly type: 'binary'; readonly value: string };

export type Tag = TagValue & { readonly key: string };

export interface SpanLog {
  /** Microseconds since the epoch. */
  readonly timeUs: number;
  readonly fields: readonly Tag[];
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  /** Jaeger's JSON has no room for them; searches look into them. */
  readonly tags: readonly Tag[];
}

export interface Process {
  readonly service: string;
  readonly tags: readonly Tag[];
}

export interface Span {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly operation: string;
  /** '' when the sender gave none. */
  readonly kind: SpanKind | '';
  /** Microseconds since the epoch. */
  readonly startUs: number;
  readonly durationUs: number;
  readonly process: Process;
  readonly tags: readonly Tag[];
  readonly logs: readonly SpanLog[];
  readonly links: readonly SpanLink[];
}

export const SPAN_KINDS = ['internal', 'server', 'client', 'producer', 'consumer'] as const;
export type SpanKind = (typeof SPAN_KINDS)[number];

export const textTag = (key: string, value: string): Tag => ({ key, type: 'string', value });

/** Trace ids are compared in their long form; undefined when the text is not one, or is all zeros. */
export const traceIdOf = (text: string): string | undefined => hexId(text, 32);
export const spanIdOf = (text: string): string | undefined => hexId(text, 16);

function hexId(text: string, digits: number): string | undefined {
  const id = text.toLowerCase().padStart(digits, '0');
  return id.length === digits && /^[0-9a-f]+$/.test(id) && !/^0+$/.test(id) ? id : undefined;
}
