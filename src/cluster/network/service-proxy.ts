/** Keeps the node's nftables rules equal to the Services and EndpointSlices. */
import type { Service } from 'kubernetes-types/core/v1.d.ts';
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Informer } from '../../kube/informer.ts';
import type { RunCommand } from './command.ts';
import { renderServiceRules } from './service-rules.ts';
import { buildServiceRules } from './service-table.ts';

const QUIET_MS = 5;
const RETRY_MS = 1000;

export interface ServiceProxyOptions {
  services: Informer<Service>;
  endpointSlices: Informer<EndpointSlice>;
  run: RunCommand;
  clock: Clock;
  log: Log;
}

export interface ServiceProxy {
  start(): void;
  /** Resolves when the rules of everything known now are in force. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Changes within 5 ms become one transaction; one transaction at a time; a failed one is tried again after a second. */
export function createServiceProxy(options: ServiceProxyOptions): ServiceProxy {
  const { services, endpointSlices, run, clock, log } = options;
  let inForce = '';
  let timer: Timer | undefined;
  let applying: Promise<void> = Promise.resolve();
  let closed = false;
  const stops: (() => void)[] = [];

  const apply = async (): Promise<void> => {
    const text = renderServiceRules(buildServiceRules(services.list(), endpointSlices.list()));
    if (text === inForce || closed) return;
    try {
      await run(['nft', '-f', '-'], text);
      inForce = text;
    } catch (error) {
      log.error('service rules refused', { error: errorText(error) });
      schedule(RETRY_MS);
    }
  };
  const schedule = (delayMs = QUIET_MS): void => {
    if (closed) return;
    timer ??= clock.after(delayMs, () => {
      timer = undefined;
      applying = applying.then(apply);
    });
  };

  return {
    start() {
      stops.push(services.subscribe(() => schedule()), endpointSlices.subscribe(() => schedule()));
      schedule(0);
    },
    settled() {
      applying = applying.then(apply);
      return applying;
    },
    async close() {
      closed = true;
      timer?.cancel();
      for (const stop of stops.splice(0)) stop();
      await applying;
    },
  };
}
