/** Gives virtual addresses to the hosts of ServiceEntries and keeps them in the objects' status. */
import { ServiceEntries, ServiceEntryKind, type ServiceEntry } from '../../api/service-entry.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { isConflict, isNotFound, PatchType, type KubeClient } from '../../kube/client.ts';
import type { Informer } from '../../kube/informer.ts';
import { objectKey, type Stored } from '../../kube/object.ts';
import { judge } from './acceptance.ts';
import { planAddresses, type AddressChange } from './address-plan.ts';

const QUIET_MS = 10;
const RETRY_MS = 1000;

export interface AddressAllocatorDeps {
  readonly client: KubeClient;
  readonly entries: Informer<ServiceEntry>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface AddressAllocator {
  /** Call when the informer has started. */
  start(): void;
  close(): void;
}

export function createAddressAllocator(deps: AddressAllocatorDeps): AddressAllocator {
  const { entries, clock, log } = deps;
  let timer: Timer | undefined;
  let isRunning = false;
  let isAsked = false;
  let isClosed = false;
  let reported = '';
  let unsubscribe = () => {};

  const ask = (afterMs: number): void => {
    if (isClosed) return;
    if (isRunning) return void (isAsked = true);
    timer ??= clock.after(afterMs, () => {
      timer = undefined;
      void run();
    });
  };
  /** One pass over all entries: who has what decides who can have what. */
  const run = async (): Promise<void> => {
    isRunning = true;
    const { changes, exhausted } = planAddresses(entries.list().filter(isUsable));
    const text = exhausted.map(objectKey).join();
    if (text !== reported && text !== '') log.error('no virtual addresses are left for ServiceEntries', { entries: text });
    reported = text;
    let hasFailed = false;
    for (const change of changes) {
      if (isClosed) break;
      if (!(await write(change, deps))) hasFailed = true;
    }
    isRunning = false;
    if (hasFailed) ask(RETRY_MS);
    else if (isAsked) ask(QUIET_MS);
    isAsked = false;
  };
  return {
    start() {
      unsubscribe = entries.subscribe(() => ask(QUIET_MS));
      ask(0);
    },
    close() {
      isClosed = true;
      unsubscribe();
      timer?.cancel();
    },
  };
}

const verdicts = new WeakMap<Stored<ServiceEntry>, boolean>();

/** An object that is not valid may be there all the same, and say anything. */
const isUsable = (entry: Stored<ServiceEntry>): boolean => verdicts.getOrInsertComputed(entry, () => judge(ServiceEntryKind, entry).isUsable);

/** @returns false when it has to be tried again */
async function write({ entry, addresses }: AddressChange, { client, log }: AddressAllocatorDeps): Promise<boolean> {
  const { namespace = '', name, resourceVersion } = entry.metadata;
  // With the version, so that nothing is decided on what has changed meanwhile: the watch tells, and the next pass decides.
  const body = { metadata: { resourceVersion }, status: { addresses: addresses.length > 0 ? addresses : null } };
  try {
    await client.patch(ServiceEntries, { namespace, name }, { type: PatchType.Merge, body }, { subresource: 'status' });
    return true;
  } catch (error) {
    if (isConflict(error) || isNotFound(error)) return true;
    log.warn('cannot write the addresses of a ServiceEntry', { namespace, name, error });
    return false;
  }
}
