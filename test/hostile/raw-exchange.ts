/** Bytes to a server, everything that comes back; for inputs whose end nobody agrees on. */
import { connect } from 'node:net';

export interface Reply {
  readonly text: string;
  readonly statuses: readonly number[];
  /** The server ended the connection. */
  readonly closed: boolean;
}

/** @param quietMs how long nothing may come before the exchange is over; servers that wait for more bytes would wait for ever */
export function exchange(port: number, bytes: Buffer, quietMs: number): Promise<Reply> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    let closed = false;
    let timer = setTimeout(() => finish(), quietMs + 2000);
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, closed, statuses: [...text.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map((match) => Number(match[1])) });
    };
    const rewind = () => {
      clearTimeout(timer);
      timer = setTimeout(finish, quietMs);
    };
    socket.setNoDelay(true);
    socket.on('connect', () => socket.write(bytes, rewind));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      rewind();
    });
    socket.on('error', () => {
      closed = true;
    });
    socket.on('end', () => {
      closed = true;
      finish();
    });
    socket.on('close', () => {
      closed = true;
      finish();
    });
  });
}
