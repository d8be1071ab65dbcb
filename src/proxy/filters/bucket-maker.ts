/** Makes the token buckets of a configuration: of this thread, or the same ones that other threads make of the same configuration. */
import type { Clock } from '../../base/clock.ts';
import type { SharedSlots } from '../threads/shared-state.ts';
import { versionText } from '../upstream/hash.ts';
import { type Fill, OwnBucket, SharedBucket, type TokenBucket } from './token-bucket.ts';

export interface BucketMaker {
  make(size: number, fill: Fill): TokenBucket;
  /** For a part that is compiled as a whole. All threads make the buckets of one in the same order, though not one part after the other.
   * @param bytes that tell it from its other versions */
  within(name: string, bytes?: Uint8Array): BucketMaker;
}

export function createBucketMaker(clock: Clock, slots: SharedSlots | undefined): BucketMaker {
  if (slots) return sharedMaker(clock, slots, 'bucket');
  const maker: BucketMaker = { make: (size, fill) => new OwnBucket(size, fill, clock), within: () => maker };
  return maker;
}

function sharedMaker(clock: Clock, slots: SharedSlots, place: string): BucketMaker {
  let made = 0;
  return {
    make(size, fill) {
      const key = `${place} ${made++}`;
      return new SharedBucket(size, fill, { clock, acquire: () => slots.acquire(key) });
    },
    within: (name, bytes) => sharedMaker(clock, slots, `${place}/${name} ${bytes === undefined ? '' : versionText(bytes)}`),
  };
}
