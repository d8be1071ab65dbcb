/** Network namespaces for pods, some made ahead so that a pod does not wait for its own. */
import type { Log } from '../../base/log.ts';
import { errorText } from '../../base/errors.ts';
import { AddressPool, podAddress } from './addresses.ts';
import type { RunCommand } from './command.ts';
import { removalScript, sandboxName, sandboxScript } from './link-script.ts';

export interface Sandbox {
  readonly number: number;
  readonly ip: string;
  /** For `nsenter --net=`. */
  readonly netPath: string;
}

export interface SandboxPool {
  /** A fresh namespace with its address; made on the spot when none is spare. */
  take(): Promise<Sandbox>;
  /** Removes it with everything in it. Its processes must have ended. */
  release(sandbox: Sandbox): Promise<void>;
  /** Makes `spare` namespaces ahead. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface SandboxPoolOptions {
  run: RunCommand;
  log: Log;
  /** How many are kept ready, default 8. */
  spare?: number;
}

export function createSandboxPool(options: SandboxPoolOptions): SandboxPool {
  const { run, log, spare = 8 } = options;
  const addresses = new AddressPool();
  const ready: Sandbox[] = [];
  let filling: Promise<void> | undefined;
  let closed = false;

  const make = async (count: number): Promise<Sandbox[]> => {
    const numbers = Array.from({ length: count }, () => addresses.take());
    try {
      await run(['/bin/sh'], sandboxScript(numbers));
    } catch (error) {
      await run(['/bin/sh'], removalScript(numbers)).catch(() => {});
      for (const n of numbers) addresses.release(n);
      throw error;
    }
    return numbers.map((n) => ({ number: n, ip: podAddress(n), netPath: `/run/netns/${sandboxName(n)}` }));
  };

  const fill = (): Promise<void> => {
    filling ??= (async () => {
      try {
        // In small lots: the first is ready soon, and a burst of pods does not wait behind a long list.
        while (!closed && ready.length < spare) ready.push(...(await make(Math.min(4, spare - ready.length))));
      } catch (error) {
        log.warn('cannot make pod networks ahead', { error: errorText(error) });
      } finally {
        filling = undefined;
      }
    })();
    return filling;
  };

  return {
    async take() {
      const sandbox = ready.shift();
      if (ready.length < spare / 2) void fill();
      return sandbox ?? (await make(1))[0] as Sandbox;
    },
    async release(sandbox) {
      try {
        await run(['/bin/sh'], removalScript([sandbox.number]));
      } finally {
        addresses.release(sandbox.number);
      }
    },
    start: () => fill(),
    async close() {
      closed = true;
      await filling;
      const numbers = ready.splice(0).map((s) => s.number);
      if (numbers.length > 0) await run(['/bin/sh'], removalScript(numbers)).catch(() => {});
    },
  };
}
