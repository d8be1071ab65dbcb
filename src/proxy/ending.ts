/** The gentle end of the data path. Who calls this workload learns of its end only by and by, so for a while everything is
 * still accepted and answered: by the application, or, when that has ended, with a word that callers may try elsewhere.
 * Nothing that carries a request is cut off: the pod's grace period is the only deadline. */
import { sleep, type Clock } from '../base/clock.ts';

/** Who is there. */
export interface Presence {
  /** Connections of clients, idle or not. */
  readonly openConnections: number;
  /** Since the last client came; Infinity: nobody has. */
  readonly sinceAcceptedMs: number;
}

/** What is there to end. */
export interface Served {
  presence(): Presence | Promise<Presence>;
  /** Ends connections that have carried no request for so long. */
  closeIdle(idleMs: number): void;
}

/** An idle connection is the client's to close: a request may be on its way on it. Clients in the mesh do so as soon as they
 * hear of the end; for the others this must be long enough for the request that was on its way. */
const IDLE_PATIENCE_MS = 700;
/** Nobody has come for so long: nobody else will. */
const QUIET_MS = 300;
const POLL_MS = 25;

/** Callers that have not heard of the end yet come within this time. */
const SILENCE_MS = 500;

/** What others ask of the workload. */
export interface Incoming {
  /** Requests and connections that have come; any number that changes with each. */
  readonly arrivals: number;
  /** Requests that are not answered yet. A WebSocket is answered when it is open. */
  readonly unanswered: number;
}

export interface SilenceOptions {
  readonly clock: Clock;
  /** Some ask for ever. */
  readonly limitMs: number;
  /** Default 25. */
  readonly pollMs?: number;
}

/** Resolves when nothing is asked of the workload any more, so that it can be told to end without a request meeting its end. */
export async function awaitSilence(incoming: () => Incoming | Promise<Incoming>, { clock, limitMs, pollMs = POLL_MS }: SilenceOptions): Promise<void> {
  const started = clock.monotonic();
  let seen: number | undefined;
  let since = started;
  for (;;) {
    const { arrivals, unanswered } = await incoming();
    const now = clock.monotonic();
    if (arrivals !== seen || unanswered > 0) since = now;
    seen = arrivals;
    if (now - since >= SILENCE_MS || now - started >= limitMs) return;
    await sleep(clock, pollMs);
  }
}

/** Resolves when nobody is left and nobody new has come for a while.
 * @param acceptMs so long new clients are waited for in any case: of a gateway, which is told of its end before they are */
export async function awaitQuiet(served: Served, clock: Clock, acceptMs: number): Promise<void> {
  const started = clock.monotonic();
  let lastOpen = -Infinity;
  for (;;) {
    if (clock.monotonic() - started >= IDLE_PATIENCE_MS) served.closeIdle(IDLE_PATIENCE_MS);
    const { openConnections, sinceAcceptedMs } = await served.presence();
    const now = clock.monotonic();
    if (openConnections > 0) lastOpen = now;
    if (now - started >= acceptMs && Math.min(now - lastOpen, sinceAcceptedMs) >= QUIET_MS) return;
    await sleep(clock, POLL_MS);
  }
}
