/** Runs inside a network namespace and makes sockets there; its parent gets the handles and does all the rest. A socket stays
 * in the namespace in which it was made, whoever uses it. */
import { connect, createServer } from 'node:net';
import type { NamespaceOrder } from './namespace.ts';

process.on('message', (order: NamespaceOrder) => (order.do === 'listen' ? listen(order) : dial(order)));
process.on('disconnect', () => process.exit(0));
process.send?.({ id: 0 });

function listen({ id, host, port }: NamespaceOrder): void {
  const server = createServer();
  server.once('error', (error: NodeJS.ErrnoException) => process.send?.({ id, error: error.code ?? error.message }));
  // Only once: a connection that arrives before the parent has its copy waits in the backlog.
  server.listen({ host, port, exclusive: true }, () => process.send?.({ id }, server, {}, () => server.close()));
}

function dial({ id, host, port, localAddress, localPort }: NamespaceOrder): void {
  const socket = connect({ host, port, localAddress, localPort, allowHalfOpen: true });
  socket.pause();
  socket.once('error', (error: NodeJS.ErrnoException) => process.send?.({ id, error: error.code ?? error.message }));
  socket.once('connect', () => process.send?.({ id, localPort: socket.localPort }, socket));
}
