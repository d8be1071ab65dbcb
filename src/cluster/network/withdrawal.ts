/** Waiting until no service lists an address as ready: a pod that is to end gets no new connections before it is told. */
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Clock } from '../../base/clock.ts';
import type { Informer } from '../../kube/informer.ts';
import { isReady } from './service-table.ts';

/** The longest that a pod's end waits for its endpoints to go. Kubernetes does not wait at all. */
const MAX_WAIT_MS = 1000;
/** Who reads the slices needs time to act on them: a control plane that hands them on to its proxies, a client with a request
 * on its way. On clusters people write `preStop: sleep` for this. */
const SETTLE_MS = 400;

export function awaitWithdrawn(slices: Informer<EndpointSlice>, clock: Clock, ip: string): Promise<void> {
  const endpoints = () => slices.list().flatMap((slice) => slice.endpoints?.filter((e) => e.addresses.includes(ip)) ?? []);
  if (endpoints().length === 0) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = (): void => {
      timer.cancel();
      stop();
      clock.after(SETTLE_MS, resolve);
    };
    const timer = clock.after(MAX_WAIT_MS, settle);
    let isSettling = false;
    const stop = slices.subscribe(() => {
      // The subscription tells what it holds before it returns.
      queueMicrotask(() => {
        if (isSettling || endpoints().some(isReady)) return;
        isSettling = true;
        settle();
      });
    });
  });
}
