/** What every controller is given and what it is. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { Caches } from './object-cache.ts';

export interface ControllerContext {
  client: KubeClient;
  clock: Clock;
  log: Log;
  caches: Caches;
  /** The recorder that signs events with this component; made once per component, closed by the owner of the context. */
  events(component: string): EventRecorder;
}

/** A running part of the control loop. Subscribes to its caches when it is made; works from `start` on. */
export interface Controller {
  start(): void;
  close(): Promise<void>;
}

export const isoTime = (clock: Clock): string => `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
