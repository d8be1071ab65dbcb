/** Ports that somebody else had when a listener came for them. They are tried again, ever more seldom, until one is free; it is then
 * kept for the listener, and the control plane is asked for it anew. */
import type { Clock, Timer } from '../../base/clock.ts';
import { createBackoff } from '../../xds/client/backoff.ts';
import { BoundPort } from '../net/bound-port.ts';
import type { SocketAddress } from '../runtime-contract.ts';

const BACKOFF = { baseMs: 500, maxMs: 15_000 };

export interface PortWatchDeps {
  readonly clock: Clock;
  readonly random: () => number;
  /** The port of the listener of this name has become free, and is held. */
  onFree(name: string): void;
}

interface Watched {
  readonly wanted: SocketAddress;
  cancel(): void;
  port?: BoundPort;
}

export class PortWatch {
  readonly #deps: PortWatchDeps;
  readonly #watched = new Map<string, Watched>();

  constructor(deps: PortWatchDeps) {
    this.#deps = deps;
  }

  watch(name: string, wanted: SocketAddress): void {
    this.take(name)?.close();
    const { clock, random, onFree } = this.#deps;
    const backoff = createBackoff({ ...BACKOFF, random });
    let [timer, isOver]: [Timer | undefined, boolean] = [undefined, false];
    const watched: Watched = {
      wanted,
      cancel() {
        isOver = true;
        timer?.cancel();
      },
    };
    const wait = () => {
      timer = clock.after(backoff.next(), () => void attempt());
      timer.unref();
    };
    const attempt = async () => {
      const port = new BoundPort(wanted);
      const failure = await port.failure;
      if (failure === undefined && !isOver) {
        watched.port = port;
        return onFree(name);
      }
      port.close();
      if (!isOver) wait();
    };
    this.#watched.set(name, watched);
    wait();
  }

  /** Ends the watch. @returns the port if it is held, for whoever wants it or to be closed */
  take(name: string): BoundPort | undefined {
    const watched = this.#watched.get(name);
    this.#watched.delete(name);
    watched?.cancel();
    return watched?.port;
  }

  close(): void {
    for (const name of this.#watched.keys()) this.take(name)?.close();
  }
}
