/** Runs one container of a pod: image, start, hooks, probes, restarts with back-off, and its end.
 * Kubernetes: pkg/kubelet/kuberuntime. */
import type { Container, Lifecycle, Pod } from 'kubernetes-types/core/v1.d.ts';
import { sleep } from '../../base/clock.ts';
import type { Clock } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import { ContainerError } from '../network/errors.ts';
import { BACK_OFF_FIRST_MS, BackOff } from './back-off.ts';
import type { ContainerPlan } from './container-plan.ts';
import { newRecord } from './container-state.ts';
import type { ContainerRecord, ContainerRole } from './container-state.ts';
import { imageId, unknownImage } from './image-messages.ts';
import type { ImageCatalog, ImageProgram } from './images.ts';
import type { Action, ActionResult, RunAction } from './probe-actions.ts';
import type { LogSource } from './log-reader.ts';
import { createProber } from './prober.ts';
import type { Prober, ProbeKind } from './prober.ts';
import type { ContainerExit, ContainerRuntime, PodSandbox, RunningContainer } from './runtime.ts';

export interface ContainerWorkerDeps {
  readonly runtime: ContainerRuntime;
  readonly images: ImageCatalog;
  readonly runAction: RunAction;
  readonly clock: Clock;
  /** The pod as it is now. */
  pod(): Pod;
  sandbox(): PodSandbox;
  plan(container: Container, image: ImageProgram): Promise<ContainerPlan>;
  /** The record has changed. */
  changed(): void;
  event(type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** kubelet gives a container at least this long between SIGTERM and SIGKILL. */
const MIN_GRACE_MS = 2000;
/** How often a container is tried again that lacks a ConfigMap or a Secret. */
const CONFIG_RETRY_MS = 2000;
/** How long ErrImagePull is shown before ImagePullBackOff. */
const PULL_FAILURE_SHOWN_MS = 1000;
const HOOK_TIMEOUT_MS = 3_600_000;

export class ContainerWorker {
  readonly record: ContainerRecord;
  readonly #deps: ContainerWorkerDeps;
  readonly #spec: Container;
  readonly #stopping = new AbortController();
  readonly #restarts: BackOff;
  readonly #pulls: BackOff;
  readonly #started = Promise.withResolvers<void>();
  #attempt = 0;
  /** Of the runs so far, the last two at most. */
  #logs: LogSource[] = [];
  #running: RunningContainer | undefined;
  #probers: Prober[] = [];
  #ended: Promise<void> = Promise.resolve();

  constructor(deps: ContainerWorkerDeps, spec: Container, role: ContainerRole) {
    this.#deps = deps;
    this.#spec = spec;
    this.#restarts = new BackOff(deps.clock);
    this.#pulls = new BackOff(deps.clock);
    const { initContainers } = deps.pod().spec ?? {};
    this.record = newRecord(spec, role, initContainers && initContainers.length > 0 ? 'PodInitializing' : 'ContainerCreating');
  }

  get running(): RunningContainer | undefined {
    return this.#running;
  }

  /** The log of the newest run, or of the one before it; undefined when there was none. */
  log(previous: boolean): LogSource | undefined {
    return this.#logs.at(previous ? -2 : -1);
  }

  /** Resolves when it has started once: its startup probe succeeded, or it runs and has none. Never, if it never does. */
  get whenStarted(): Promise<void> {
    return this.#started.promise;
  }

  /** Runs the container until it has ended for good by its restart policy, or was stopped. */
  run(): Promise<void> {
    this.#ended = this.#loop();
    return this.#ended;
  }

  /** Ends it: preStop hook, then, when `turn` resolves, SIGTERM, and SIGKILL when the grace is over. */
  async stop(graceMs: number, turn: Promise<void> = Promise.resolve()): Promise<void> {
    const { clock } = this.#deps;
    const end = clock.monotonic() + graceMs;
    this.#stopping.abort(new Error('stopping'));
    const running = this.#running;
    if (!running) return this.#ended;
    this.#deps.event('Normal', 'Killing', `Stopping container ${this.#spec.name}`);
    await this.#terminate(running, { endMs: end, turn });
    await this.#ended;
  }

  async #loop(): Promise<void> {
    try {
      for (;;) {
        const exit = await this.#runOnce();
        if (this.#stopping.signal.aborted || !this.#shouldRestart(exit)) return;
        await this.#backOff();
      }
    } catch (error) {
      if (!this.#stopping.signal.aborted) throw error;
    }
  }

  async #runOnce(): Promise<ContainerExit> {
    const { clock } = this.#deps;
    const startedAt = iso(clock);
    let running: RunningContainer;
    try {
      running = await this.#start();
    } catch (error) {
      this.#stopping.signal.throwIfAborted();
      const exit = { exitCode: 128, message: errorText(error) };
      this.#deps.event('Warning', 'Failed', `Error: ${exit.message}`);
      this.#setTerminated(exit, { startedAt, reason: 'StartError' });
      return exit;
    }
    const began = clock.monotonic();
    const ranSince = iso(clock);
    this.#running = running;
    this.#setRunning(running, ranSince);
    if (this.#stopping.signal.aborted) running.signal('SIGKILL');
    else void this.#afterStart(running);
    const exit = await running.exited;
    this.#closeProbers();
    this.#running = undefined;
    this.#restarts.ranFor(clock.monotonic() - began);
    this.#setTerminated(exit, { startedAt: ranSince });
    return exit;
  }

  /** Waits for image and configuration as long as it takes. @throws ContainerError when the process itself cannot be started */
  async #start(): Promise<RunningContainer> {
    const { runtime } = this.#deps;
    const image = await this.#awaitImage();
    const plan = await this.#awaitPlan(image);
    this.#stopping.signal.throwIfAborted();
    const attempt = this.#attempt++;
    const running = await runtime.start({ pod: this.#deps.pod(), container: this.#spec, sandbox: this.#deps.sandbox(), plan, attempt });
    this.record.imageId = imageId(image);
    this.#logs = [...this.#logs.slice(-1), running.log];
    this.#deps.event('Normal', 'Created', `Created container: ${this.#spec.name}`);
    this.#deps.event('Normal', 'Started', `Started container ${this.#spec.name}`);
    return running;
  }

  async #awaitImage(): Promise<ImageProgram> {
    const name = this.#spec.image ?? '';
    for (;;) {
      const image = this.#findImage(name);
      if (typeof image !== 'string') {
        this.#deps.event('Normal', 'Pulled', `Container image "${name}" already present on machine`);
        return image;
      }
      this.#deps.event('Normal', 'Pulling', `Pulling image "${name}"`);
      this.#deps.event('Warning', 'Failed', `Failed to pull image "${name}": ${image}`);
      this.#deps.event('Warning', 'Failed', 'Error: ErrImagePull');
      this.#setWaiting('ErrImagePull', image);
      await this.#sleep(PULL_FAILURE_SHOWN_MS);
      this.#deps.event('Normal', 'BackOff', `Back-off pulling image "${name}"`);
      this.#deps.event('Warning', 'Failed', 'Error: ImagePullBackOff');
      this.#setWaiting('ImagePullBackOff', `Back-off pulling image "${name}": ErrImagePull: ${image}`);
      await this.#sleep(Math.max(BACK_OFF_FIRST_MS, this.#pulls.next()));
    }
  }

  #findImage(name: string): ImageProgram | string {
    try {
      return this.#deps.images.find(name) ?? unknownImage(name, this.#deps.images.files);
    } catch (error) {
      return errorText(error);
    }
  }

  async #awaitPlan(image: ImageProgram): Promise<ContainerPlan> {
    let told = '';
    for (;;) {
      try {
        return await this.#deps.plan(this.#spec, image);
      } catch (error) {
        const reason = error instanceof ContainerError ? error.reason : 'CreateContainerConfigError';
        const message = errorText(error);
        this.#setWaiting(reason, message);
        if (told !== message) this.#deps.event('Warning', 'Failed', `Error: ${message}`);
        told = message;
        await this.#sleep(CONFIG_RETRY_MS);
      }
    }
  }

  async #afterStart(running: RunningContainer): Promise<void> {
    const hook = (this.#spec.lifecycle as Lifecycle | undefined)?.postStart;
    if (hook) {
      const result = await this.#runHook(hook, running, HOOK_TIMEOUT_MS);
      if (this.#running !== running) return;
      if (!result.ok) {
        this.#deps.event('Warning', 'FailedPostStartHook', `PostStartHook failed: ${result.message}`);
        return this.#kill(running);
      }
    }
    if (this.#spec.startupProbe) this.#probe('startup', running);
    else this.#setStarted(running);
  }

  #setStarted(running: RunningContainer): void {
    if (this.#running !== running || this.record.started) return;
    this.record.started = true;
    this.record.ready = !this.#spec.readinessProbe;
    this.#started.resolve();
    this.#deps.changed();
    if (this.#spec.readinessProbe) this.#probe('readiness', running);
    if (this.#spec.livenessProbe) this.#probe('liveness', running);
  }

  #probe(kind: ProbeKind, running: RunningContainer): void {
    const probe = this.#spec[`${kind}Probe`];
    if (!probe) return;
    const title = `${kind[0]?.toUpperCase()}${kind.slice(1)}`;
    const prober = createProber({
      kind, probe, clock: this.#deps.clock,
      attempt: (timeoutMs) => this.#act(probe, running, timeoutMs),
      onFailure: (message) => this.#deps.event('Warning', 'Unhealthy', `${title} probe failed: ${message}`),
      onVerdict: (healthy) => this.#onVerdict(kind, healthy, running),
    });
    this.#probers.push(prober);
    prober.start();
  }

  #onVerdict(kind: ProbeKind, healthy: boolean, running: RunningContainer): void {
    if (this.#running !== running || this.#stopping.signal.aborted) return;
    if (kind === 'readiness') {
      this.record.ready = healthy;
      this.#deps.changed();
    } else if (!healthy) {
      this.#deps.event('Normal', 'Killing', `Container ${this.#spec.name} failed ${kind} probe, will be restarted`);
      this.#kill(running);
    } else if (kind === 'startup') this.#setStarted(running);
  }

  /** Ends this run, not the container: its restart policy decides what follows. */
  #kill(running: RunningContainer): void {
    this.#closeProbers();
    const graceMs = (this.#spec.livenessProbe?.terminationGracePeriodSeconds ?? this.#deps.pod().spec?.terminationGracePeriodSeconds ?? 30) * 1000;
    void this.#terminate(running, { endMs: this.#deps.clock.monotonic() + graceMs, turn: Promise.resolve() });
  }

  async #terminate(running: RunningContainer, at: { endMs: number; turn: Promise<void> }): Promise<void> {
    const { clock } = this.#deps;
    const left = () => at.endMs - clock.monotonic();
    const hook = (this.#spec.lifecycle as Lifecycle | undefined)?.preStop;
    if (hook && left() > 0) {
      const result = await this.#within(left(), this.#runHook(hook, running, left()));
      if (result && !result.ok) this.#deps.event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${result.message}`);
    }
    await this.#within(left(), at.turn);
    this.#closeProbers();
    running.signal('SIGTERM');
    await this.#within(Math.max(MIN_GRACE_MS, left()), running.exited);
    running.signal('SIGKILL');
    await running.exited;
  }

  /** The value, or undefined when the time is over first. */
  async #within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
    if (ms <= 0) return undefined;
    const late = Promise.withResolvers<undefined>();
    const timer = this.#deps.clock.after(ms, () => late.resolve(undefined));
    try {
      return await Promise.race([promise, late.promise]);
    } finally {
      timer.cancel();
    }
  }

  async #runHook(hook: NonNullable<Lifecycle['preStop']>, running: RunningContainer, timeoutMs: number): Promise<ActionResult> {
    // `sleep` is newer than the typings.
    const pause = (hook as { sleep?: { seconds: number } }).sleep;
    if (!pause) return this.#act(hook, running, timeoutMs);
    await this.#within(pause.seconds * 1000, running.exited);
    return { ok: true, message: '' };
  }

  #act(action: Action, running: RunningContainer, timeoutMs: number): Promise<ActionResult> {
    return this.#deps.runAction(action, { podIp: this.#deps.sandbox().ip, container: this.#spec, running }, timeoutMs);
  }

  #shouldRestart(exit: ContainerExit): boolean {
    if (this.record.role === 'sidecar') return true;
    const policy = this.#deps.pod().spec?.restartPolicy ?? 'Always';
    if (policy === 'Never') return false;
    // An init container has done its work when it succeeds, whatever the policy.
    return this.record.role === 'init' || policy === 'OnFailure' ? exit.exitCode !== 0 : true;
  }

  async #backOff(): Promise<void> {
    const delayMs = this.#restarts.next();
    if (delayMs > 0) {
      const { metadata } = this.#deps.pod();
      const id = `${metadata?.name}_${metadata?.namespace}(${metadata?.uid})`;
      this.#deps.event('Warning', 'BackOff', `Back-off restarting failed container ${this.#spec.name} in pod ${id}`);
      this.#setWaiting('CrashLoopBackOff', `back-off ${formatSeconds(delayMs)} restarting failed container=${this.#spec.name} pod=${id}`);
      await this.#sleep(delayMs);
    }
    this.record.restartCount++;
  }

  #sleep(ms: number): Promise<void> {
    return sleep(this.#deps.clock, ms, this.#stopping.signal);
  }

  #setWaiting(reason: string, message: string): void {
    const { record } = this;
    if (record.state.terminated) record.lastState = { terminated: record.state.terminated };
    record.state = { waiting: { reason, message } };
    this.#deps.changed();
  }

  #setRunning(running: RunningContainer, startedAt: string): void {
    const { record } = this;
    if (record.state.terminated) record.lastState = { terminated: record.state.terminated };
    record.state = { running: { startedAt } };
    record.containerId = running.id;
    this.#deps.changed();
  }

  #setTerminated(exit: ContainerExit, at: { startedAt: string; reason?: string }): void {
    const { record } = this;
    record.started = false;
    record.ready = false;
    record.state = {
      terminated: {
        exitCode: exit.exitCode,
        reason: at.reason ?? (exit.exitCode === 0 ? 'Completed' : 'Error'),
        ...(exit.message ? { message: exit.message } : {}),
        startedAt: at.startedAt,
        finishedAt: iso(this.#deps.clock),
        ...(record.containerId ? { containerID: `lateen://${record.containerId}` } : {}),
      },
    };
    this.#deps.changed();
  }

  #closeProbers(): void {
    for (const prober of this.#probers.splice(0)) prober.close();
  }
}

const iso = (clock: Clock) => new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');

function formatSeconds(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
