/** Events about objects, as `kubectl describe` and `kubectl events` show them. The same event again raises its count;
 * many that differ only in their message become one. Client-go: tools/record EventCorrelator. */
import type { Event } from 'kubernetes-types/core/v1.d.ts';
import type { Clock } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { isNotFound, isReason, PatchType } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import { Events } from '../../kube/resource.ts';

const SIMILAR_LIMIT = 10;
const SIMILAR_WINDOW_MS = 600_000;
const REMEMBERED = 4096;

export interface EventRecorderOptions {
  client: KubeClient;
  clock: Clock;
  log: Log;
  /** Event.source.component, e.g. `deployment-controller`. */
  component: string;
  /** Event.source.host, the node's name for the node's own events. */
  host?: string;
}

export interface EventRecorder {
  /** Never fails and never waits: an event that cannot be written is logged and dropped. */
  event(object: Stored<KubeObject>, type: 'Normal' | 'Warning', reason: string, message: string): void;
  /** Waits for the events in hand. */
  close(): Promise<void>;
}

interface Seen {
  name: string;
  count: number;
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, log, component, host } = options;
  const seen = new Map<string, Seen>();
  const similar = new Map<string, { messages: Set<string>; lastMs: number }>();
  let tail: Promise<void> = Promise.resolve();
  let closed = false;

  /** The message to write and the key it is counted under. */
  const correlate = (identity: string, message: string): { key: string; text: string } => {
    const now = clock.now();
    let group = similar.get(identity);
    if (!group || now - group.lastMs > SIMILAR_WINDOW_MS) group = { messages: new Set(), lastMs: now };
    group.lastMs = now;
    group.messages.add(message);
    renew(similar, identity, group);
    if (group.messages.size < SIMILAR_LIMIT) return { key: `${identity}\0${message}`, text: message };
    if (group.messages.size > SIMILAR_LIMIT) group.messages.delete(message);
    return { key: identity, text: `(combined from similar events): ${message}` };
  };

  const write = async (object: Stored<KubeObject>, type: string, reason: string, message: string): Promise<void> => {
    const namespace = object.metadata.namespace ?? 'default';
    const { key, text } = correlate(`${object.metadata.uid}\0${type}\0${reason}`, message);
    const time = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const known = seen.get(key);
    if (known) {
      known.count++;
      const body = { count: known.count, lastTimestamp: time, message: text };
      try {
        await client.patch(Events, { namespace, name: known.name }, { type: PatchType.Merge, body });
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    const name = `${object.metadata.name}.${eventSuffix(clock)}`;
    renew(seen, key, { name, count: 1 });
    await client.create(Events, newEvent({ object, type, reason, message: text }, { namespace, name, time, component, host }), { namespace });
  };

  return {
    event(object, type, reason, message) {
      if (closed) return;
      tail = tail
        .then(() => write(object, type, reason, message))
        .catch((error: unknown) => {
          // The object's namespace is going or gone: nobody can read the event there.
          if (!isNotFound(error) && !isReason(error, 'Forbidden')) log.warn('event dropped', { reason, error: errorText(error) });
        });
    },
    async close() {
      closed = true;
      await tail;
    },
  };
}

function newEvent(
  what: { object: Stored<KubeObject>; type: string; reason: string; message: string },
  at: { namespace: string; name: string; time: string; component: string; host: string | undefined },
): Event {
  const { metadata, apiVersion, kind } = what.object;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: at.name, namespace: at.namespace },
    involvedObject: { apiVersion, kind, name: metadata.name, namespace: metadata.namespace, uid: metadata.uid, resourceVersion: metadata.resourceVersion },
    type: what.type,
    reason: what.reason,
    message: what.message,
    source: { component: at.component, ...(at.host ? { host: at.host } : {}) },
    reportingComponent: at.component,
    reportingInstance: at.host ?? '',
    firstTimestamp: at.time,
    lastTimestamp: at.time,
    count: 1,
  };
}

/** Sixteen hex digits that do not repeat within a recorder's life, like client-go's nanosecond time. */
function eventSuffix(clock: Clock): string {
  const nanos = BigInt(Math.floor(clock.now())) * 1_000_000n + BigInt(Math.floor(Math.random() * 1_000_000));
  return nanos.toString(16);
}

function renew<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= REMEMBERED) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
}
