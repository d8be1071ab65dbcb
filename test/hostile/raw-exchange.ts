/** Bytes to a server, everything that comes back; for inputs whose end nobody agrees on. */
import { connect } from 'node:net';

export interface Reply {
  readonly text: string;
  readonly statuses: readonly number[];
  /** The server ended the connection. */
  readonly closed: boolean;
}

export interface ExchangeOptions {
  /** While what has come is not enough, silence is waited through, and the end, up to PATIENCE_MS: the machine may be busy. Default: anything is. */
  readonly isEnough?: (reply: Reply) => boolean;
  /** Octet by octet. */
  readonly isSlow?: boolean;
}

const PATIENCE_MS = 3000;
const LOOK_MS = 20;

/** @param quietMs how long nothing may come before the exchange is over; servers that wait for more bytes would wait for ever */
export function exchange(port: number, bytes: Buffer, quietMs: number, { isEnough = () => true, isSlow = false }: ExchangeOptions = {}): Promise<Reply> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const limit = performance.now() + quietMs + PATIENCE_MS;
    let text = '';
    let closed = false;
    const reply = (): Reply => ({ text, closed, statuses: [...text.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map((match) => Number(match[1])) });
    const finish = () => {
      clearTimeout(timer);
      socket.off('end', onEnd).off('close', onEnd).destroy();
      resolve(reply());
    };
    const look = () => {
      if (isEnough(reply()) || performance.now() > limit) finish();
      else timer = setTimeout(look, LOOK_MS);
    };
    const rewind = () => {
      clearTimeout(timer);
      timer = setTimeout(look, quietMs);
    };
    let timer = setTimeout(finish, quietMs + PATIENCE_MS);
    let sent = 0;
    const send = () => {
      if (sent >= bytes.length || !socket.writable) return rewind();
      const from = sent;
      sent = isSlow ? sent + 1 : bytes.length;
      socket.write(bytes.subarray(from, sent), () => setImmediate(send));
    };
    socket.setNoDelay(true);
    socket.on('connect', send);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (sent >= bytes.length) rewind();
    });
    socket.on('error', () => {
      closed = true;
    });
    // What the server passed on may arrive after the client has heard of the end.
    const onEnd = () => {
      closed = true;
      clearTimeout(timer);
      look();
    };
    socket.on('end', onEnd);
    socket.on('close', onEnd);
  });
}
