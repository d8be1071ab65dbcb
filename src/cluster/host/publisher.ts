/** Publishes services on the machine's loopback: makes the listening sockets and hands them to the publishing process. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Log } from '../../base/log.ts';
import type { PublishMessage } from '../network/publish-messages.ts';
import { entryPoint } from './layout.ts';
import type { PublishedPortInfo, PublishedService } from './messages.ts';
import { listenNear } from './ports.ts';

export interface Publisher {
  /** Makes what is published equal to this; returns the ports in force. Calls follow one another. */
  sync(services: readonly PublishedService[]): Promise<PublishedPortInfo[]>;
  close(): Promise<void>;
}

interface Held {
  readonly hostPort: number;
  address: string;
}

export interface PublisherOptions {
  /** A process whose network namespace is the cluster's. */
  readonly clusterPid: number;
  /** `NAMESPACE/SERVICE:PORT` → port on the host. */
  readonly wanted: Readonly<Record<string, number>>;
  readonly logFd: number;
  readonly log: Log;
  /** The publishing process ended by itself. */
  onFailure(): void;
}

export function createPublisher(options: PublisherOptions): Publisher {
  const held = new Map<string, Held>();
  let child: ChildProcess | undefined;
  let tail: Promise<unknown> = Promise.resolve();
  let closed = false;

  /** Started with the first service: a cluster that publishes nothing does without it. */
  const process_ = (): ChildProcess => {
    child ??= startPublishing(options, () => {
      if (!closed) options.onFailure();
    });
    return child;
  };
  const send = (message: PublishMessage, handle?: Parameters<ChildProcess['send']>[1]): Promise<void> =>
    new Promise((resolve, reject) => {
      process_().send(message, handle, {}, (error) => (error ? reject(error) : resolve()));
    });

  const sync = async (services: readonly PublishedService[]): Promise<PublishedPortInfo[]> => {
    const published: PublishedPortInfo[] = [];
    const present = new Set<string>();
    for (const service of services) {
      for (const { port, wanted } of service.ports) {
        const id = `${service.namespace}/${service.name}:${port}`;
        present.add(id);
        const known = held.get(id) ?? (await publish(id, service.address, { port, wanted: options.wanted[id] ?? wanted }));
        if (known.address !== service.address) {
          known.address = service.address;
          await send({ type: 'retarget', id, address: service.address, port });
        }
        published.push({ namespace: service.namespace, name: service.name, port, hostPort: known.hostPort });
      }
    }
    for (const id of held.keys()) {
      if (present.has(id)) continue;
      held.delete(id);
      await send({ type: 'withdraw', id });
    }
    return published;
  };
  const publish = async (id: string, address: string, ports: { port: number; wanted: number }): Promise<Held> => {
    const { server, port: hostPort } = await listenNear(ports.wanted);
    await send({ type: 'publish', id, address, port: ports.port }, server);
    // The socket lives on in the other process; this one must not accept on it.
    server.close();
    const entry = { hostPort, address };
    held.set(id, entry);
    options.log.info('published', { service: id, hostPort });
    return entry;
  };

  return {
    sync(services) {
      const done = tail.then(() => sync(services));
      tail = done.catch(() => {});
      return done;
    },
    async close() {
      closed = true;
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function startPublishing(options: PublisherOptions, onExit: () => void): ChildProcess {
  const child = spawn('setpriv', ['--pdeathsig', 'SIGKILL', 'nsenter', `--target=${options.clusterPid}`, '--net', '--', process.execPath, '--max-semi-space-size=1', entryPoint('publish')], {
    stdio: ['ignore', options.logFd, options.logFd, 'ipc'],
  });
  child.once('exit', onExit);
  child.once('error', onExit);
  return child;
}
