/** From the moment at which a change was written to the moment at which the last client had taken it. */
import { nowMs, type Taken } from './ledger.ts';
import { markerText, type Marker, type MarkerKind } from './marker.ts';

const PATIENCE_MS = 120_000;

export class Stopwatch {
  readonly #started = new Map<string, number>();
  readonly #times: { kind: MarkerKind; ms: number }[] = [];
  #settled: (() => void) | undefined;

  /** Call just before the write. */
  readonly start = (marker: Marker): void => void this.#started.set(markerText(marker), nowMs());

  readonly take = (changes: readonly Taken[]): void => {
    for (const change of changes) {
      const text = markerText(change);
      const startedMs = this.#started.get(text);
      if (startedMs === undefined) continue;
      this.#started.delete(text);
      this.#times.push({ kind: change.kind, ms: change.atMs - startedMs });
    }
    if (this.#started.size === 0) this.#settled?.();
  };

  readonly isTaken = (marker: Marker): boolean => !this.#started.has(markerText(marker));

  /** Resolves when every change has been taken by every client.
   * @throws Error when that takes longer than two minutes */
  async settled(): Promise<void> {
    if (this.#started.size === 0) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not taken by every client after ${PATIENCE_MS / 1000} s: ${[...this.#started.keys()].slice(0, 5).join(', ')} of ${this.#started.size}`)), PATIENCE_MS);
      this.#settled = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Milliseconds measured since the last call, by kind. */
  drain(): Map<MarkerKind, number[]> {
    const times = Map.groupBy(this.#times.splice(0), (t) => t.kind);
    return new Map([...times].map(([kind, list]) => [kind, list.map((t) => t.ms)]));
  }
}
