import type { Process, Span, Tag } from './span.ts';

/** Distinct tags that are remembered; past it the pool starts afresh, so values that never repeat cannot fill it. */
const MAX_TAGS = 8000;
/** Longer values (URLs with queries, stack traces) hardly repeat. */
const MAX_VALUE = 120;
const MAX_PROCESSES = 2000;
/** A reference to a shared object, bytes. */
const REFERENCE = 8;
/** An object of its own with its strings' headers, bytes. */
const OBJECT = 64;

/** Spans say the same things over and over (`component=proxy`, `http.method=GET`): equal tags become one object, which makes
 * a span several times smaller. */
export class TagPool {
  readonly #tags = new Map<string, Tag>();
  readonly #processes = new Map<string, Process>();

  /** The span with shared parts, and what it costs by itself, estimated bytes. */
  share(span: Span): { span: Span; bytes: number } {
    let bytes = 300 + 2 * span.operation.length;
    const tag = (own: Tag): Tag => {
      const shared = this.#tag(own);
      bytes += shared === own ? OBJECT + 2 * (own.key.length + String(own.value).length) : REFERENCE;
      return shared;
    };
    const process = this.#process(span.process);
    if (process === span.process) bytes += OBJECT * (1 + process.tags.length);
    const tags = span.tags.map(tag);
    const logs = span.logs.map((log) => ({ timeUs: log.timeUs, fields: log.fields.map(tag) }));
    bytes += OBJECT * (logs.length + span.links.length);
    return { span: { ...span, process, tags, logs }, bytes };
  }

  #tag(own: Tag): Tag {
    const value = String(own.value);
    if (value.length > MAX_VALUE) return own;
    const key = `${own.key}\u0000${own.type}\u0000${value}`;
    const known = this.#tags.get(key);
    if (known) return known;
    if (this.#tags.size >= MAX_TAGS) this.#tags.clear();
    this.#tags.set(key, own);
    return own;
  }

  #process(own: Process): Process {
    const key = JSON.stringify(own);
    const known = this.#processes.get(key);
    if (known) return known;
    if (this.#processes.size >= MAX_PROCESSES) this.#processes.clear();
    this.#processes.set(key, own);
    return own;
  }
}
