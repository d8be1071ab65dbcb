/** log, exec, attach and portforward of the node's pods. */
import { createReadStream, existsSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import { KubeApiError } from '../../kube/client.ts';
import type { ExecOptions, LogOptions, PodStreams } from '../apiserver/pod-streams.ts';
import type { ContainerWorker } from './container-worker.ts';
import { readLog } from './log-reader.ts';
import type { PodWorker } from './pod-worker.ts';

export interface PodStreamsDeps {
  worker(namespace: string, name: string): PodWorker | undefined;
  clock: Clock;
}

type PodName = { namespace: string; name: string };

export function createPodStreams(deps: PodStreamsDeps): PodStreams {
  const find = (pod: PodName): PodWorker => deps.worker(pod.namespace, pod.name) ?? refuse(404, 'NotFound', `pods "${pod.name}" not found`);
  const running = (pod: PodName, options: Pick<ExecOptions, 'container'>) => {
    const container = pick(find(pod), pod.name, options.container);
    return container.running ?? refuse(400, 'BadRequest', `container ${container.record.container.name} is not running: ${describe(container)}`);
  };
  return {
    async logs(pod, options, signal) {
      const container = pick(find(pod), pod.name, options.container);
      const { name } = container.record.container;
      const source = container.log(options.previous);
      if (options.previous && !source) refuse(400, 'BadRequest', `previous terminated container "${name}" in pod "${pod.name}" not found`);
      if (!source) return refuse(400, 'BadRequest', `container "${name}" in pod "${pod.name}" is waiting to start: ${container.record.state.waiting?.reason ?? 'ContainerCreating'}`);
      if (!existsSync(source.path)) return createReadStream('/dev/null');
      return readLog(source, options satisfies LogOptions, { signal, nowMs: deps.clock.now() });
    },
    async exec(pod, options) {
      return running(pod, options).exec({ command: options.command, stdin: options.stdin, tty: options.tty });
    },
    async attach(pod, options) {
      return running(pod, options).attach(options.stdin);
    },
    async portForward(pod, port) {
      return find(pod).dial(port) ?? refuse(400, 'BadRequest', 'unable to forward port because pod is not running. Current status=Pending');
    },
  };
}

function pick(worker: PodWorker, pod: string, name: string | undefined): ContainerWorker {
  const { containers } = worker;
  if (name) return containers.find((c) => c.record.container.name === name) ?? refuse(400, 'BadRequest', `container ${name} is not valid for pod ${pod}`);
  const main = containers.filter((c) => c.record.role === 'main');
  const preferred = main.find((c) => c.record.container.name === worker.pod.metadata.annotations?.['kubectl.kubernetes.io/default-container']);
  const only = main.length === 1 ? main[0] : undefined;
  const names = (list: readonly ContainerWorker[]) => list.map((c) => c.record.container.name).join(' ');
  const init = containers.filter((c) => c.record.role !== 'main');
  return preferred ?? only ?? refuse(400, 'BadRequest', `a container name must be specified for pod ${pod}, choose one of: [${names(main)}]${init.length > 0 ? ` or one of the init containers: [${names(init)}]` : ''}`);
}

function describe(container: ContainerWorker): string {
  const { state } = container.record;
  return state.waiting?.reason ?? state.terminated?.reason ?? 'unknown';
}

function refuse(code: number, reason: string, message: string): never {
  throw new KubeApiError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason, message, code });
}
