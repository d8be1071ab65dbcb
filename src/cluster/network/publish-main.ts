/** The publishing process: sockets that listen on the machine's loopback, piped to services inside the cluster.
 * It runs in the cluster's network namespace; a listening socket stays in the namespace in which it was made, so the
 * supervisor makes it outside and hands it in. Connecting to the service's ClusterIP lets the node's rules choose the endpoint. */
import { connect } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { PublishMessage } from './publish-messages.ts';

interface Published {
  server: Server;
  address: string;
  port: number;
  connections: Set<Socket>;
}

const published = new Map<string, Published>();

process.on('message', (message: PublishMessage, handle: unknown) => {
  const known = published.get(message.id);
  if (message.type === 'withdraw') {
    known?.server.close();
    for (const socket of known?.connections ?? []) socket.destroy();
    published.delete(message.id);
  } else if (message.type === 'retarget') {
    if (known) Object.assign(known, { address: message.address, port: message.port });
  } else {
    publish(message, handle as Server);
  }
});
// The supervisor is gone: nothing here may outlive it.
process.on('disconnect', () => process.exit(0));

function publish(message: PublishMessage & { type: 'publish' }, server: Server): void {
  const entry: Published = { server, address: message.address, port: message.port, connections: new Set() };
  published.set(message.id, entry);
  server.on('connection', (client) => join(entry, client));
}

/** Both directions with back-pressure and half-close. */
function join(entry: Published, client: Socket): void {
  const upstream = connect({ host: entry.address, port: entry.port, allowHalfOpen: true, noDelay: true });
  client.allowHalfOpen = true;
  client.setNoDelay(true);
  for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
    entry.connections.add(from);
    from.on('error', () => to.destroy());
    from.on('close', () => {
      entry.connections.delete(from);
      if (!from.readableEnded) to.destroy();
    });
    from.pipe(to);
  }
}
