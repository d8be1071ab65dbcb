import type { MeshObject } from '../../api/schema/kind.ts';
import type { Clock } from '../../base/clock.ts';
import { isNotFound, type KubeClient } from '../../kube/client.ts';
import { objectKey, type Stored } from '../../kube/object.ts';
import { CliError } from '../errors.ts';
import { targetText, type Target } from './targets.ts';
import { judge, type Goal, type Verdict } from './verdict.ts';
import { Watches } from './watches.ts';

export interface WaitDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly goal: Goal;
  readonly timeoutMs: number;
  /** Called once for each object that has come there. */
  reached(target: Target, verdict: Extract<Verdict, { state: 'reached' }>): void;
  /** Of a deleted object: whether proxies still have something of it, in words; undefined when none has. */
  remains(target: Target): Promise<string | undefined>;
}

/** As `timeout` of coreutils. */
export const TIMED_OUT = 124;

/** Ends as soon as one will not come there and each has been looked at.
 * @throws CliError that names what will not come there, or what has not come in time (exit code 124) */
export async function waitForAll(asked: readonly Target[], deps: WaitDeps): Promise<void> {
  const abort = new AbortController();
  const timer = deps.clock.after(deps.timeoutMs, () => abort.abort());
  const late = new Map<Target, string>();
  const unseen = new Set(asked);
  let isHopeless = false;
  const watches = new Watches(deps, asked);
  const seen = (target: Target): void => {
    unseen.delete(target);
    if (isHopeless && unseen.size === 0) abort.abort();
  };
  try {
    const results = await Promise.allSettled(asked.map(async (target) => {
      const note = (text: string): void => {
        late.set(target, text);
        seen(target);
      };
      try {
        if (deps.goal.kind === 'delete') await untilGone(target, deps, { watches, signal: abort.signal, note });
        else await untilThere(target, deps.goal, { deps, watches, signal: abort.signal, note });
        late.delete(target);
      } catch (error) {
        isHopeless = true;
        throw error;
      } finally {
        seen(target);
      }
    }));
    const failed = results.flatMap((r) => (r.status === 'rejected' ? [r.reason as unknown] : []));
    const known = failed.filter((error) => error instanceof CliError && error.exitCode !== TIMED_OUT);
    if (known.length > 0) throw new CliError(known.map((error) => (error as CliError).message).join('\n'));
    const other = failed.find((error) => !(error instanceof CliError));
    if (other !== undefined) throw other;
    if (failed.length > 0) throw new CliError(`timed out: ${[...late].map(([target, text]) => `${targetText(target)}: ${text}`).join('\n')}`, { exitCode: TIMED_OUT });
  } finally {
    timer.cancel();
    await watches.close();
  }
}

interface Watching {
  readonly watches: Watches;
  readonly signal: AbortSignal;
  note(text: string): void;
}

async function untilThere(asked: Target, goal: Exclude<Goal, { kind: 'delete' }>, { deps, watches, signal, note }: Watching & { deps: WaitDeps }): Promise<void> {
  const { target, object } = await find(asked, deps.client, signal);
  const generation = object.metadata.generation ?? 0;
  await watching(target, watches, signal, (now) => {
    if (!now) throw new CliError(`${targetText(target)} was deleted while it was waited for`);
    const verdict = judge(now, generation, goal);
    if (verdict.state === 'failed') throw new CliError(`${targetText(target)} is not in force: ${verdict.text}`);
    if (verdict.state === 'reached') deps.reached(target, verdict);
    else note(verdict.text);
    return verdict.state === 'reached';
  });
}

/** The object, under the name that was meant. */
async function find(asked: Target, client: KubeClient, signal: AbortSignal): Promise<{ target: Target; object: Stored<MeshObject<unknown>> }> {
  const candidates = [asked, ...(asked.otherwise ? [{ ...asked, ...asked.otherwise }] : [])];
  for (const target of candidates) {
    try {
      return { target, object: await client.get(target.resource, { namespace: target.namespace, name: target.name }, { signal }) };
    } catch (error) {
      if (signal.aborted) throw new CliError(`timed out: ${targetText(target)}`, { exitCode: TIMED_OUT });
      if (!isNotFound(error)) throw error;
    }
  }
  throw new CliError(`${targetText(asked)} does not exist; apply it first: kubectl apply -f FILE`);
}

/** Resolves when `look` says yes to the object as it is now (undefined: there is none).
 * @throws what `look` throws, and CliError with exit code 124 when the signal comes first */
async function watching(target: Target, watches: Watches, signal: AbortSignal, look: (object: Stored<MeshObject<unknown>> | undefined) => boolean): Promise<void> {
  const { namespace, name } = target;
  const { informer, started } = watches.of(target);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let isOver = false;
  const tryNow = () => {
    if (isOver) return;
    try {
      isOver = look(informer.get(objectKey({ metadata: { namespace, name } })));
      if (isOver) resolve();
    } catch (error) {
      isOver = true;
      reject(error as Error);
    }
  };
  const stop = () => reject(new CliError(`timed out: ${targetText(target)}`, { exitCode: TIMED_OUT }));
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  let unsubscribe = () => {};
  try {
    await Promise.race([started, promise]);
    unsubscribe = informer.subscribe(tryNow);
    tryNow();
    await promise;
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', stop);
  }
}

const ASK_AGAIN_MS = 200;

async function untilGone(target: Target, deps: WaitDeps, { watches, signal, note }: Watching): Promise<void> {
  await watching(target, watches, signal, (object) => {
    if (object) note('it is still there');
    return object === undefined;
  });
  for (;;) {
    const remains = await deps.remains(target);
    if (remains === undefined) return deps.reached(target, { state: 'reached', text: 'deleted, and no proxy has anything of it', warnings: [] });
    note(remains);
    await new Promise<void>((resolve) => {
      const timer = deps.clock.after(ASK_AGAIN_MS, resolve);
      signal.addEventListener('abort', () => { timer.cancel(); resolve(); }, { once: true });
    });
    if (signal.aborted) throw new CliError(`timed out: ${targetText(target)}`, { exitCode: TIMED_OUT });
  }
}
