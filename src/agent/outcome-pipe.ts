/** The pipe that Envoy writes its lines to. A named pipe: a socket, which Node gives children, cannot be opened by its path. */
import { execFileSync } from 'node:child_process';
import { constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';

export interface OutcomePipe {
  close(): void;
}

/** Longer ones are no lines of ours. */
const MAX_LINE = 256 * 1024;

/** @param onLine called for each line, without its newline */
export function openOutcomePipe(path: string, onLine: (line: string) => void): OutcomePipe {
  rmSync(path, { force: true });
  execFileSync('mkfifo', ['-m', '600', path]);
  // For both: so there is always a writer, and no end while Envoy restarts.
  const socket = new Socket({ fd: openSync(path, constants.O_RDWR | constants.O_NONBLOCK), readable: true, writable: false });
  let rest = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE) rest = '';
    for (const line of lines) if (line !== '') onLine(line);
  });
  // The descriptor is ours alone: what fails here is our own end.
  socket.on('error', () => {});
  return { close: () => void socket.destroy() };
}
