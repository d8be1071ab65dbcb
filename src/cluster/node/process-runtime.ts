/** Containers as processes: each in mount, PID, UTS and IPC namespaces of its own and its pod's network namespace. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import type { Clock } from '../../base/clock.ts';
import type { ExecSession } from '../apiserver/pod-streams.ts';
import type { RunCommand } from '../network/command.ts';
import { ContainerError } from '../network/errors.ts';
import { dialPod } from './pod-dial.ts';
import type { Sandbox, SandboxPool } from '../network/sandboxes.ts';
import type { ContainerPlan } from './container-plan.ts';
import { startExec } from './exec-process.ts';
import { createFifoPool } from './fifo-pool.ts';
import type { FifoPool } from './fifo-pool.ts';
import { launchCommand, renderCommand } from './launch-command.ts';
import { LogFile } from './log-file.ts';
import { buildRoot } from './root-filesystem.ts';
import { childrenOf } from './processes.ts';
import type { RootFilesystem, RootFiles } from './root-filesystem.ts';
import type { ContainerExit, ContainerRuntime, RunningContainer, StartRequest } from './runtime.ts';
import type { Skeleton } from './skeleton.ts';

export interface ProcessRuntimeOptions {
  sandboxes: SandboxPool;
  skeleton: Skeleton;
  /** On a tmpfs; container roots and pipes live here. */
  runFolder: string;
  /** On disk; `NAMESPACE_NAME_UID/CONTAINER/ATTEMPT.log`. */
  logFolder: string;
  rootFiles(pod: Pod, ip: string): RootFiles;
  run: RunCommand;
  clock: Clock;
}

/** Kubernetes: FallbackToLogsOnError and the termination message are cut to this. */
const MAX_MESSAGE = 4096;
const MAX_LOG_MESSAGE = 2048;

export function createProcessRuntime(options: ProcessRuntimeOptions): ContainerRuntime {
  const { sandboxes, runFolder, logFolder } = options;
  const fifos = createFifoPool(join(runFolder, 'pipes'), options.run);
  return {
    createSandbox: () => sandboxes.take(),
    start: (request) => startContainer(options, fifos, request),
    dial: (sandbox, port) => dialPod((sandbox as Sandbox).netPath, port),
    async removeSandbox(pod, sandbox) {
      await sandboxes.release(sandbox as Sandbox);
      rmSync(join(runFolder, 'roots', uidOf(pod)), { recursive: true, force: true });
    },
    forget(pod) {
      rmSync(join(logFolder, podFolder(pod)), { recursive: true, force: true });
    },
  };
}

const uidOf = (pod: Pod) => pod.metadata?.uid ?? '';
const podFolder = (pod: Pod) => `${pod.metadata?.namespace}_${pod.metadata?.name}_${uidOf(pod)}`;

async function startContainer(options: ProcessRuntimeOptions, fifos: FifoPool, request: StartRequest): Promise<RunningContainer> {
  const { pod, container, plan, attempt } = request;
  const sandbox = request.sandbox as Sandbox;
  const home = join(options.runFolder, 'roots', uidOf(pod), container.name);
  const folder = join(home, String(attempt));
  // The roots of earlier runs are of no use; their logs are kept elsewhere.
  rmSync(home, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  let root: RootFilesystem;
  try {
    root = buildRoot(folder, plan, options.skeleton, options.rootFiles(pod, sandbox.ip));
  } catch (cause) {
    throw new ContainerError('CreateContainerError', `cannot prepare the root file system of container "${container.name}": ${(cause as Error).message}`, cause);
  }
  const log = new LogFile(join(options.logFolder, podFolder(pod), container.name, `${attempt}.log`), options.clock);
  rmSync(join(options.logFolder, podFolder(pod), container.name, `${attempt - 2}.log`), { force: true });
  const outputs = [await fifos.take(), await fifos.take()] as const;
  const commandFile = join(folder, 'command');
  writeFileSync(commandFile, renderCommand(plan, plan.argv), { mode: 0o600 });
  const [program, ...args] = launchCommand(plan, root, { netPath: sandbox.netPath, commandFile });
  const child = spawn(program, args, { stdio: [plan.stdin ? 'pipe' : 'ignore', 'ignore', 'ignore', 'pipe', outputs[0].writeFd, outputs[1].writeFd], env: LAUNCH_ENV, cwd: '/' });
  for (const output of outputs) closeSync(output.writeFd);
  const readers: [Readable, Readable] = [outputs[0].reader, outputs[1].reader];
  const ended = collect(readers, log);
  const exited = waitForExit(child, { ended, message: messageReader(request, root, log), log });
  await launched(child, exited);
  return runningContainer({ child, plan, log, exited, outputs: readers });
}

/** The environment of the launching programs, not of the container. */
const LAUNCH_ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

/** Resolves when the program takes over, which a dot on descriptor 3 says. @throws ContainerError with what was said instead */
function launched(child: ChildProcess, exited: Promise<ContainerExit>): Promise<void> {
  return new Promise((resolve, reject) => {
    const said: Buffer[] = [];
    const channel = child.stdio[3] as Readable;
    child.once('error', (cause) => reject(new ContainerError('RunContainerError', `cannot start: ${cause.message}`, cause)));
    channel.on('data', (chunk: Buffer) => {
      if (said.length === 0 && chunk[0] === 0x2e) return resolve();
      said.push(chunk);
    });
    channel.once('close', () => {
      const text = Buffer.concat(said).toString('utf8').trim().slice(0, MAX_MESSAGE);
      void exited.then(() => reject(new ContainerError('RunContainerError', `failed to create containerd task: failed to start container: ${text}`)));
    });
  });
}

function collect(outputs: readonly [Readable, Readable], log: LogFile): Promise<void> {
  const streams = ['stdout', 'stderr'] as const;
  const ends = outputs.map((output, i) => new Promise<void>((resolve) => {
    output.on('data', (chunk: Buffer) => log.write(streams[i] as 'stdout' | 'stderr', chunk));
    output.once('error', () => output.destroy());
    output.once('close', resolve);
  }));
  return Promise.all(ends).then(() => {});
}

interface ExitParts {
  /** Both outputs have ended. */
  readonly ended: Promise<void>;
  readonly message: (exitCode: number) => string;
  readonly log: LogFile;
}

function waitForExit(child: ChildProcess, parts: ExitParts): Promise<ContainerExit> {
  return new Promise((resolve) => {
    let done = false;
    const finish = (code: number | null, name: NodeJS.Signals | null): void => {
      if (done) return;
      done = true;
      const exitCode = name === null ? (code ?? 128) : 128 + constants.signals[name];
      // Everything of the PID namespace is dead with its first process, so the outputs end at once.
      void parts.ended.then(() => {
        parts.log.close();
        resolve({ exitCode, message: parts.message(exitCode) });
      });
    };
    child.once('exit', finish);
    child.once('error', () => finish(128, null));
  });
}

/** The termination message, or with FallbackToLogsOnError the end of the log of a container that failed without one. */
function messageReader(request: StartRequest, root: RootFilesystem, log: LogFile): (exitCode: number) => string {
  const { terminationMessagePath, terminationMessagePolicy } = request.container;
  return (exitCode) => {
    // The path may lie in a volume or may never have been written: no message.
    const message = readEnd(join(root.upper, terminationMessagePath ?? '/dev/termination-log'), MAX_MESSAGE);
    if (message !== '' || exitCode === 0 || terminationMessagePolicy !== 'FallbackToLogsOnError') return message;
    // Without time, stream and tag of each line.
    return readEnd(log.path, MAX_MESSAGE).split('\n').map((line) => line.split(' ').slice(3).join(' ')).join('\n').slice(-MAX_LOG_MESSAGE);
  };
}

function readEnd(path: string, bytes: number): string {
  try {
    return readFileSync(path).subarray(-bytes).toString('utf8');
  } catch {
    return '';
  }
}

interface RunningParts {
  readonly child: ChildProcess;
  readonly plan: ContainerPlan;
  readonly log: LogFile;
  readonly exited: Promise<ContainerExit>;
  readonly outputs: readonly [Readable, Readable];
}

function runningContainer({ child, plan, log, exited, outputs }: RunningParts): RunningContainer {
  let alive = true;
  void exited.then(() => {
    alive = false;
  });
  // The child that Node knows is the shell that waits; the container's first process is its only child.
  const firstProcess = (): number | undefined => (alive ? childrenOf(child.pid)[0] : undefined);
  return {
    id: randomBytes(32).toString('hex'),
    log: { path: log.path, olderPath: log.olderPath, live: log },
    exited,
    signal(signal) {
      const pid = firstProcess();
      if (pid !== undefined) process.kill(pid, signal);
    },
    exec(request) {
      const pid = firstProcess();
      if (pid === undefined) throw new ContainerError('ContainerNotRunning', 'the container is not running');
      return startExec(plan, pid, request);
    },
    attach: (stdin) => attach({ child, exited, outputs }, stdin),
  };
}

function attach(parts: Pick<RunningParts, 'child' | 'exited' | 'outputs'>, stdin: boolean): ExecSession {
  const copies = parts.outputs.map((output) => {
    const copy = new PassThrough();
    // Not piped: a slow reader must not hold up the container, nor end others' streams.
    output.on('data', (chunk: Buffer) => {
      if (copy.writableLength < 1_000_000) copy.write(chunk);
    });
    output.once('close', () => copy.end());
    return copy;
  }) as [PassThrough, PassThrough];
  return {
    stdin: stdin ? (parts.child.stdin ?? undefined) : undefined,
    stdout: copies[0],
    stderr: copies[1],
    resize() {},
    exited: parts.exited.then((exit) => exit.exitCode),
    kill() {
      for (const copy of copies) copy.destroy();
    },
  };
}
