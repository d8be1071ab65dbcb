import { NameSet } from './name-set.ts';

/** What one stream has asked for of one type, and how far it has followed. A value: decisions return a new one. */
export interface Subscription {
  readonly typeUrl: string;
  readonly wildcard: boolean;
  readonly names: NameSet;
  /** Nonce of the last response; '' before the first. */
  readonly nonce: string;
  /** True from a response until its ACK or NACK. */
  readonly waiting: boolean;
  /** The last response was refused with this text; cleared by the next ACK. */
  readonly error?: string;
  readonly ackedNonce: string;
}

/** What a request means for the server. */
export interface Decision {
  readonly subscription: Subscription;
  readonly kind: 'subscribe' | 'ack' | 'nack' | 'stale';
  /** Names that must be in the next response even when the version is known to the client; undefined when the request itself
   * needs no response. `all` asks for everything subscribed. */
  readonly answer?: 'all' | ReadonlySet<string>;
  /** Name → version of what the client holds from an earlier stream. */
  readonly brought?: ReadonlyMap<string, string>;
}

export const newSubscription = (typeUrl: string): Subscription => ({
  typeUrl, wildcard: false, names: NameSet.empty, nonce: '', waiting: false, ackedNonce: '',
});
