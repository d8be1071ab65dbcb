/** Of whom a module is told, and what it may ask about it: the plugin as a whole, or one request. */
import type { LocalReply } from '../http/filter.ts';
import type { HeaderMap } from './header-map.ts';

export interface CallContext {
  /** Under which the module knows it. */
  readonly id: number;
  map(type: number): HeaderMap | undefined;
  buffer(type: number): Buffer | undefined;
  /** @returns false when that one cannot be written */
  setBuffer(type: number, bytes: Buffer): boolean;
  /** Undefined: it has none of that name. */
  property(path: readonly string[]): Buffer | undefined;
  setProperty(path: readonly string[], value: Buffer): void;
  /** @returns false when there is nothing to answer */
  reply(reply: LocalReply): boolean;
  /** @returns false when there is nothing to go on with */
  resume(streamType: number): boolean;
  close(streamType: number): boolean;
  /** @returns the number under which its answer comes; undefined: it cannot be made */
  call(call: OutgoingCall): number | undefined;
  /** The module has said that it is done with the context. */
  done(): boolean;
}

export interface OutgoingCall {
  readonly cluster: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
  readonly timeoutMs: number;
}
