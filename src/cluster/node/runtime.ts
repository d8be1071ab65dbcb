/** What the node needs of whatever runs containers. `process-runtime.ts` does it with namespaces; tests have a fake. */
import type { Duplex } from 'node:stream';
import type { Container, Pod } from 'kubernetes-types/core/v1.d.ts';
import type { ExecSession } from '../apiserver/pod-streams.ts';
import type { ContainerPlan } from './container-plan.ts';
import type { LogSource } from './log-reader.ts';

export interface PodSandbox {
  readonly ip: string;
}

export interface ContainerExit {
  /** 128 + signal number when a signal ended it. */
  readonly exitCode: number;
  /** What the container left at its terminationMessagePath, at most 4096 bytes. */
  readonly message: string;
}

export interface ExecRequest {
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly tty: boolean;
}

export interface RunningContainer {
  /** Hex, 64 digits. */
  readonly id: string;
  readonly log: LogSource;
  readonly exited: Promise<ContainerExit>;
  /** To its first process. A process without a handler for it does not end by SIGTERM, as the first of a PID namespace. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void;
  exec(request: ExecRequest): ExecSession;
  /** Its own streams; stdin only when the container asked for one. */
  attach(stdin: boolean): ExecSession;
}

export interface StartRequest {
  readonly pod: Pod;
  readonly container: Container;
  readonly sandbox: PodSandbox;
  readonly plan: ContainerPlan;
  /** 0 for the first run of the container; names its log and its root. */
  readonly attempt: number;
}

export interface ContainerRuntime {
  createSandbox(pod: Pod): Promise<PodSandbox>;
  /** Resolves when the program runs. @throws ContainerError */
  start(request: StartRequest): Promise<RunningContainer>;
  /** Every container must have exited. Logs stay until `forget`. */
  removeSandbox(pod: Pod, sandbox: PodSandbox): Promise<void>;
  /** A connection to a port on the pod's own loopback. */
  dial(sandbox: PodSandbox, port: number): Promise<Duplex>;
  /** Removes everything of the pod, logs included. */
  forget(pod: Pod): void;
}
