/** What the API server asks of the node for the streaming subresources of a pod (log, exec, attach, portforward). */
import type { Duplex, Readable, Writable } from 'node:stream';

export interface LogOptions {
  container?: string;
  follow: boolean;
  previous: boolean;
  timestamps: boolean;
  tailLines?: number;
  sinceSeconds?: number;
  sinceTime?: string;
  limitBytes?: number;
}

export interface ExecOptions {
  container?: string;
  command: string[];
  stdin: boolean;
  tty: boolean;
}

/** A program running in a container, with the streams that were asked for. */
export interface ExecSession {
  stdin?: Writable;
  stdout: Readable;
  stderr?: Readable;
  resize(columns: number, rows: number): void;
  /** Exit code; 128 + signal number when a signal ended it. */
  exited: Promise<number>;
  kill(): void;
}

/** @throws KubeApiError, e.g. NotFound, or BadRequest `container "x" in pod "y" is waiting to start: ContainerCreating` */
export interface PodStreams {
  logs(pod: { namespace: string; name: string }, options: LogOptions, signal: AbortSignal): Promise<Readable>;
  exec(pod: { namespace: string; name: string }, options: ExecOptions): Promise<ExecSession>;
  attach(pod: { namespace: string; name: string }, options: Omit<ExecOptions, 'command'>): Promise<ExecSession>;
  portForward(pod: { namespace: string; name: string }, port: number): Promise<Duplex>;
}
