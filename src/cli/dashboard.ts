/** `dashboard`: a local address for a page or an API inside the cluster, until Ctrl-C. */
import { createServer } from 'node:net';
import { pipeline } from 'node:stream';
import { Command } from 'commander';
import { openPortForward } from '../kube/port-forward.ts';
import { accessCluster, findPod, findReadyPod, globalsOf, type ClusterAccess, type PodName } from './cluster-access.ts';
import { CliError } from './errors.ts';

interface Target {
  /** Labels of the pod that serves it. */
  selector: string;
  port: number;
  path: string;
}

const TARGETS: Readonly<Record<string, Target>> = {
  console: { selector: 'app=lateen-console', port: 20001, path: '/' },
  kiali: { selector: 'app=lateen-console', port: 20001, path: '/' },
  prometheus: { selector: 'app=lateen-observe', port: 9090, path: '/api/v1/status/buildinfo' },
  jaeger: { selector: 'app=lateen-observe', port: 16686, path: '/api/services' },
  istiod: { selector: 'app=istiod', port: 15014, path: '/debug' },
};

interface Options {
  port: string;
  address: string;
}

export function dashboardCommand(): Command {
  return new Command('dashboard').aliases(['dash', 'd']).description(`open a way to ${Object.keys(TARGETS).join(', ')}, or envoy POD`)
    .argument('<name>').argument('[pod]', 'for envoy: whose admin page')
    .option('-p, --port <number>', 'local port; 0 takes a free one', '0').option('--address <ip>', 'local address', '127.0.0.1')
    .action(async (name: string, pod: string | undefined, options: Options, self: Command) => {
      const access = accessCluster(globalsOf(self));
      const target = await resolveTarget(access, name, pod);
      const address = await listen(access, target, options);
      process.stdout.write(`http://${address}${target.path}\nCtrl-C ends it.\n`);
      await new Promise<void>((resolve) => void process.once('SIGINT', resolve));
      process.exit(0);
    });
}

async function resolveTarget(access: ClusterAccess, name: string, pod: string | undefined): Promise<{ pod: PodName; port: number; path: string }> {
  if (name === 'envoy' || name === 'proxy') {
    if (pod === undefined) throw new CliError('name the pod whose admin page you want: lateen dashboard envoy POD[.NAMESPACE]');
    return { pod: await findPod(access, pod), port: 15000, path: '/' };
  }
  const target = TARGETS[name];
  if (!target) throw new CliError(`there is no dashboard "${name}"; there are: ${Object.keys(TARGETS).join(', ')}, envoy`);
  return { pod: await findReadyPod(access, target.selector, name), port: target.port, path: target.path };
}

function listen(access: ClusterAccess, target: { pod: PodName; port: number }, options: Options): Promise<string> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      openPortForward(access.client.config, target.pod, target.port).then(
        (stream) => {
          pipeline(socket, stream, () => socket.destroy());
          pipeline(stream, socket, () => stream.destroy());
        },
        (error: unknown) => {
          process.stderr.write(`${String(error)}\n`);
          socket.destroy();
        },
      );
    });
    server.on('error', (cause) => reject(new CliError(`cannot listen on ${options.address}:${options.port}; choose another port by --port`, { cause })));
    server.listen(Number(options.port), options.address, () => {
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? `${bound.address}:${bound.port}` : options.address);
    });
  });
}
