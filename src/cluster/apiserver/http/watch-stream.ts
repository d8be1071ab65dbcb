import type { ServerResponse } from 'node:http';
import { apiVersionOf } from '../../../kube/resource.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Kind } from '../kinds/kind.ts';
import type { RestDeps } from '../rest/deps.ts';
import { startWatch, type WatchItem, type WatchRequest } from '../rest/watch.ts';
import { entryJson, type FormContext } from './forms.ts';
import { statusFor } from './respond.ts';

export interface StreamOptions extends WatchRequest {
  allowWatchBookmarks: boolean;
  timeoutSeconds?: number;
  form: Omit<FormContext, 'nowMs'>;
  clock: Clock;
  closed: AbortSignal;
}

/** A client that reads slower than this much behind is cut off: it lists again and goes on. */
const MAX_BEHIND_BYTES = 32 * 1024 * 1024;
const BOOKMARK_EVERY_MS = 60_000;
/** Kubernetes ends watches after 30 to 60 minutes, so that clients spread over servers; here so that dead ones go. */
const DEFAULT_TIMEOUT_SECONDS = 1800;

/** Answers a watch: one line of JSON for each event, until the client goes, time is up, or the server closes. */
export function streamWatch(deps: RestDeps, kind: Kind, response: ServerResponse, options: StreamOptions): void {
  const { clock } = options;
  let isFirst = true;
  const write = (line: string) => {
    if (response.writableLength > MAX_BEHIND_BYTES) response.destroy();
    else response.write(`${line}\n`);
  };
  const emit = (item: WatchItem) => {
    if (item.type === 'BOOKMARK') {
      if (options.allowWatchBookmarks || item.initialEnd) write(bookmark(kind, item));
      return;
    }
    const json = entryJson(kind, item.entry, { ...options.form, nowMs: clock.now() });
    write(`{"type":"${item.type}","object":${isFirst || options.form.accepted.form !== 'table' ? json : withoutColumns(json)}}`);
    isFirst = false;
  };
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private', 'transfer-encoding': 'chunked' });
  response.flushHeaders();
  let stop: () => void;
  try {
    stop = startWatch(deps, kind, options, emit);
  } catch (error) {
    // The version is too old: said in the stream, as Kubernetes does.
    response.end(`${JSON.stringify({ type: 'ERROR', object: statusFor(error) })}\n`);
    return;
  }
  const timeout = clock.after((options.timeoutSeconds || DEFAULT_TIMEOUT_SECONDS) * 1000, () => response.end());
  let ticker = tick();
  function tick() {
    const timer = clock.after(BOOKMARK_EVERY_MS, () => {
      emit({ type: 'BOOKMARK', revision: deps.store.revision });
      ticker = tick();
    });
    timer.unref();
    return timer;
  }
  timeout.unref();
  const onClosed = () => response.end();
  options.closed.addEventListener('abort', onClosed, { once: true });
  response.once('close', () => {
    stop();
    timeout.cancel();
    ticker.cancel();
    options.closed.removeEventListener('abort', onClosed);
  });
}

function bookmark(kind: Kind, item: { revision: number; initialEnd?: boolean }): string {
  return JSON.stringify({ type: 'BOOKMARK', object: {
    kind: kind.resource.kind, apiVersion: apiVersionOf(kind.resource),
    metadata: { resourceVersion: String(item.revision), creationTimestamp: null, ...(item.initialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}) },
  } });
}

/** Only the first event of a watch of tables names the columns. */
function withoutColumns(json: string): string {
  return JSON.stringify({ ...(JSON.parse(json) as object), columnDefinitions: [] });
}
