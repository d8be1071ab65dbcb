/** A command in a running container, with plain pipes or with a terminal. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Writable } from 'node:stream';
import type { ExecSession } from '../apiserver/pod-streams.ts';
import type { ContainerPlan } from './container-plan.ts';
import { execCommand, renderCommand } from './launch-command.ts';
import { childrenOf } from './processes.ts';
import type { ExecRequest } from './runtime.ts';
import { inTerminal, resizeTerminal } from './terminal.ts';

export function startExec(plan: ContainerPlan, pid: number, request: ExecRequest): ExecSession {
  const env = request.tty ? new Map([['TERM', 'xterm'], ...plan.env]) : plan.env;
  const [program, ...args] = execCommand(pid);
  const child = spawn(program, args, { stdio: [request.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe', 'pipe'], env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, cwd: '/' });
  // The command may end before it has read all of its input.
  child.stdin?.on('error', () => {});
  const script = child.stdio[3] as Writable;
  script.on('error', () => {});
  script.end(renderCommand({ ...plan, env }, request.tty ? inTerminal(request.command) : request.command));
  return {
    stdin: child.stdin ?? undefined,
    stdout: child.stdout as NonNullable<typeof child.stdout>,
    stderr: request.tty ? undefined : (child.stderr ?? undefined),
    resize(columns, rows) {
      if (request.tty) resizeTerminal(child.pid, { columns, rows });
    },
    exited: new Promise((resolve) => {
      child.once('error', () => resolve(126));
      child.once('close', (code, signal) => resolve(code ?? (signal === null ? 126 : 128 + constants.signals[signal])));
    }),
    // The command itself: killing `nsenter` above it would leave it to run on as an orphan.
    kill() {
      const [command] = childrenOf(child.pid);
      if (command === undefined) child.kill('SIGKILL');
      else process.kill(command, 'SIGKILL');
    },
  };
}
