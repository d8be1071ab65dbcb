/** Waiting until no service lists an address as ready: a pod that is to end gets no new connections before it is told. */
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Clock } from '../../base/clock.ts';
import type { Informer } from '../../kube/informer.ts';
import { isReady } from './service-table.ts';

/** The longest that a pod's end waits for its endpoints to go. Kubernetes does not wait at all. */
const MAX_WAIT_MS = 1000;

export function awaitWithdrawn(slices: Informer<EndpointSlice>, clock: Clock, ip: string): Promise<void> {
  const listed = () => slices.list().some((slice) => slice.endpoints?.some((e) => e.addresses.includes(ip) && isReady(e)));
  if (!listed()) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.cancel();
      stop();
      resolve();
    };
    const timer = clock.after(MAX_WAIT_MS, finish);
    const stop = slices.subscribe(() => {
      // The subscription tells what it holds before it returns.
      queueMicrotask(() => {
        if (!listed()) finish();
      });
    });
  });
}
