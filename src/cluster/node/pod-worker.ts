/** Runs one pod from its binding to its end. One worker per pod; the worker alone changes the pod's status. */
import type { Duplex } from 'node:stream';
import type { Container, Pod, PodStatus } from 'kubernetes-types/core/v1.d.ts';
import { sleep } from '../../base/clock.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Stored } from '../../kube/object.ts';
import type { ContainerPlan } from './container-plan.ts';
import { isTerminated, succeeded } from './container-state.ts';
import type { ContainerRole } from './container-state.ts';
import { ContainerWorker } from './container-worker.ts';
import type { ImageCatalog, ImageProgram } from './images.ts';
import { buildPodStatus } from './pod-status.ts';
import type { RunAction } from './probe-actions.ts';
import type { ContainerRuntime, PodSandbox, RunningContainer } from './runtime.ts';
import type { PodVolumes } from './volumes/pod-volumes.ts';

export interface PodWorkerDeps {
  readonly runtime: ContainerRuntime;
  readonly images: ImageCatalog;
  readonly volumes: PodVolumes;
  readonly runAction: RunAction;
  readonly clock: Clock;
  readonly log: Log;
  readonly hostIp: string;
  plan(request: { pod: Pod; container: Container; image: ImageProgram; podIp: string; volumes: PodVolumes }): Promise<ContainerPlan>;
  /** Takes the newest status; may skip those in between. */
  writeStatus(pod: Stored<Pod>, status: PodStatus): void;
  event(pod: Stored<Pod>, type: 'Normal' | 'Warning', reason: string, message: string): void;
  /** Resolves when no service sends new connections to the address any more, or when it has waited long enough. */
  awaitWithdrawn(podIp: string): Promise<void>;
}

/** On a pod: `at-once` begins its end as Kubernetes does, while services may still send to it; default: when none does any more. */
const END_ANNOTATION = 'cluster.lateen.io/end';
const AT_ONCE = 'at-once';

const MOUNT_RETRY_FIRST_MS = 250;
const MOUNT_RETRY_MAX_MS = 10_000;

export class PodWorker {
  readonly #deps: PodWorkerDeps;
  readonly #main: ContainerWorker[];
  readonly #init: ContainerWorker[];
  readonly #startTime: string;
  readonly #ending = new AbortController();
  #pod: Stored<Pod>;
  #sandbox: PodSandbox | undefined;
  #finished = false;
  #failure: { reason: string; message: string } | undefined;
  #publishing = false;
  #deadline: Timer | undefined;
  #work: Promise<void> = Promise.resolve();
  #ended: Promise<void> | undefined;

  constructor(deps: PodWorkerDeps, pod: Stored<Pod>) {
    this.#deps = deps;
    this.#pod = pod;
    this.#startTime = iso(deps.clock);
    this.#main = (pod.spec?.containers ?? []).map((container) => this.#worker(container, 'main'));
    this.#init = (pod.spec?.initContainers ?? []).map((container) => this.#worker(container, isSidecar(container) ? 'sidecar' : 'init'));
  }

  get pod(): Stored<Pod> {
    return this.#pod;
  }

  /** A connection to a port on the pod's own loopback; undefined while it has no network. */
  dial(port: number): Promise<Duplex> | undefined {
    return this.#sandbox && this.#deps.runtime.dial(this.#sandbox, port);
  }

  get podIp(): string {
    return this.#sandbox?.ip ?? '';
  }

  /** All containers, in the order of the spec, init containers first. */
  get containers(): readonly ContainerWorker[] {
    return [...this.#init, ...this.#main];
  }

  running(container: string): RunningContainer | undefined {
    return this.containers.find((w) => w.record.container.name === container)?.running;
  }

  start(): void {
    this.#publish();
    const seconds = this.#pod.spec?.activeDeadlineSeconds;
    if (seconds) this.#deadline = this.#deps.clock.after(seconds * 1000, () => void this.fail('DeadlineExceeded', 'Pod was active on the node longer than the specified deadline'));
    this.#work = this.#run().catch((error: unknown) => {
      if (!this.#ending.signal.aborted) this.#deps.log.error('pod worker failed', { pod: this.#pod.metadata.name, error: errorText(error) });
    });
  }

  update(pod: Stored<Pod>): void {
    this.#pod = pod;
    this.#publish();
  }

  /** A ConfigMap or Secret of the pod's namespace changed. */
  refreshVolumes(): void {
    if (this.#ending.signal.aborted) return;
    this.#deps.volumes.refresh(this.#pod).catch((error: unknown) => this.#event('Warning', 'FailedMount', errorText(error)));
  }

  /** Ends the pod as a deletion does; resolves when nothing of it runs and its last status is written. */
  terminate(graceMs: number): Promise<void> {
    this.#ended ??= this.#terminate(graceMs);
    return this.#ended;
  }

  /** Ends every process now: the pod is gone from the API. */
  kill(): void {
    for (const worker of this.containers) worker.running?.signal('SIGKILL');
    void this.terminate(0);
  }

  /** Ends the pod and leaves it there as failed. */
  async fail(reason: string, message: string): Promise<void> {
    this.#failure = { reason, message };
    await this.terminate((this.#pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000);
  }

  async #run(): Promise<void> {
    this.#sandbox = await this.#makeSandbox();
    this.#publish();
    await this.#mountVolumes(this.#sandbox);
    for (const worker of this.#init) if (!(await this.#initialize(worker))) return this.#finish();
    this.#ending.signal.throwIfAborted();
    const runs = this.#main.map((worker) => worker.run());
    await Promise.all(runs);
    if (this.#ending.signal.aborted) return;
    await this.#stopSidecars((this.#pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000);
    await this.#finish();
  }

  async #makeSandbox(): Promise<PodSandbox> {
    for (;;) {
      try {
        return await this.#deps.runtime.createSandbox(this.#pod);
      } catch (error) {
        this.#event('Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${errorText(error)}`);
        await sleep(this.#deps.clock, 2000, this.#ending.signal);
      }
    }
  }

  async #mountVolumes(sandbox: PodSandbox): Promise<void> {
    for (let delayMs = MOUNT_RETRY_FIRST_MS; ; delayMs = Math.min(MOUNT_RETRY_MAX_MS, delayMs * 2)) {
      try {
        return await this.#deps.volumes.prepare(this.#pod, { podIp: sandbox.ip, hostIp: this.#deps.hostIp });
      } catch (error) {
        this.#ending.signal.throwIfAborted();
        this.#event('Warning', 'FailedMount', errorText(error));
        await sleep(this.#deps.clock, delayMs, this.#ending.signal);
      }
    }
  }

  /** False when the pod has failed by it. */
  async #initialize(worker: ContainerWorker): Promise<boolean> {
    const run = worker.run();
    if (worker.record.role === 'sidecar') {
      await Promise.race([worker.whenStarted, run]);
      this.#ending.signal.throwIfAborted();
      return true;
    }
    await run;
    this.#ending.signal.throwIfAborted();
    return succeeded(worker.record);
  }

  /** Sidecars end after the main containers, the last that started first. */
  async #stopSidecars(graceMs: number): Promise<void> {
    let turn = Promise.resolve();
    const stops: Promise<void>[] = [];
    for (const worker of this.#init.toReversed()) {
      if (worker.record.role !== 'sidecar') continue;
      const stopped = worker.stop(graceMs, turn);
      stops.push(stopped);
      turn = stopped;
    }
    await Promise.all(stops);
  }

  async #finish(): Promise<void> {
    await this.#stopSidecars((this.#pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000);
    this.#finished = true;
    this.#deadline?.cancel();
    await this.#removeSandbox();
    this.#deps.volumes.close();
    this.#publish();
  }

  async #terminate(graceMs: number): Promise<void> {
    this.#deadline?.cancel();
    const isAtOnce = this.#pod.metadata.annotations?.[END_ANNOTATION] === AT_ONCE;
    if (this.#sandbox && !this.#finished && !isAtOnce) await this.#deps.awaitWithdrawn(this.#sandbox.ip);
    this.#ending.abort(new Error('the pod is ending'));
    // Sidecars' preStop hooks run at once, so that a proxy drains while its application ends; their SIGTERM waits its turn.
    const mains = Promise.all(this.#main.map((worker) => worker.stop(graceMs))).then(() => {});
    let turn = mains;
    for (const worker of this.#init.toReversed()) turn = worker.stop(graceMs, worker.record.role === 'sidecar' ? turn : undefined);
    await Promise.all([mains, turn]);
    await Promise.all(this.#init.map((worker) => worker.stop(0)));
    await this.#work;
    this.#finished = true;
    await this.#removeSandbox();
    this.#deps.volumes.close();
    this.#writeStatus();
  }

  async #removeSandbox(): Promise<void> {
    const sandbox = this.#sandbox;
    if (!sandbox) return;
    this.#sandbox = undefined;
    this.#lastIp = sandbox.ip;
    await this.#deps.runtime.removeSandbox(this.#pod, sandbox).catch((error: unknown) => this.#deps.log.warn('cannot remove pod network', { error: errorText(error) }));
  }

  /** A pod that has ended still shows the address that it had. */
  #lastIp = '';

  #worker(container: Container, role: ContainerRole): ContainerWorker {
    const { runtime, images, runAction, clock } = this.#deps;
    return new ContainerWorker({
      runtime, images, runAction, clock,
      pod: () => this.#pod,
      sandbox: () => this.#sandbox ?? { ip: this.#lastIp },
      plan: (spec, image) => this.#deps.plan({ pod: this.#pod, container: spec, image, podIp: this.podIp, volumes: this.#deps.volumes }),
      changed: () => this.#publish(),
      event: (type, reason, message) => this.#event(type, reason, message),
    }, container, role);
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#deps.event(this.#pod, type, reason, message);
  }

  /** Changes of one turn of the loop become one status. */
  #publish(): void {
    if (this.#publishing) return;
    this.#publishing = true;
    queueMicrotask(() => {
      this.#publishing = false;
      this.#writeStatus();
    });
  }

  #writeStatus(): void {
    this.#deps.writeStatus(this.#pod, buildPodStatus({
      pod: this.#pod,
      records: this.containers.map((worker) => worker.record),
      podIp: this.podIp || this.#lastIp,
      hostIp: this.#deps.hostIp,
      startTime: this.#pod.status?.startTime ?? this.#startTime,
      finished: this.#finished && this.#main.every((w) => isTerminated(w.record) || w.record.state.waiting !== undefined),
      failure: this.#finished ? this.#failure : undefined,
      now: iso(this.#deps.clock),
    }));
  }
}

/** An init container that is restarted always runs beside the main ones: a native sidecar. */
export const isSidecar = (container: Container): boolean => (container as { restartPolicy?: string }).restartPolicy === 'Always';

const iso = (clock: Clock) => new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
