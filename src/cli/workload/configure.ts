/** `experimental workload entry configure`: the files by which a machine joins the mesh. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { Command } from 'commander';
import { isNotFound } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/object.ts';
import { ConfigMaps, ServiceAccounts, Services } from '../../kube/resource.ts';
import { accessCluster, globalsOf, type ClusterAccess } from '../cluster-access.ts';
import { CliError } from '../errors.ts';
import { accountOf, machineFiles } from './machine-files.ts';
import { groupOfCluster, groupOfFile } from './read-group.ts';

interface Options {
  file?: string;
  name?: string;
  output: string;
  clusterID: string;
  tokenDuration: string;
  ingressService: string;
  ingressIP?: string;
  autoregister: boolean;
  captureDns: string;
  internalIP?: string;
  externalIP?: string;
}

export function configureCommand(): Command {
  return new Command('configure').description('write the files by which a machine joins the mesh: cluster.env, mesh.yaml, istio-token, root-cert.pem, hosts')
    .option('-f, --file <file>', 'file with the WorkloadGroup, `-` is standard input; default: the one of --name in the cluster')
    .option('--name <name>', 'name of the WorkloadGroup in the cluster')
    .requiredOption('-o, --output <directory>', 'where the files go')
    .option('--autoregister', 'a WorkloadEntry is made when the machine connects', false)
    .option('--capture-dns <bool>', 'DNS queries of the machine go to its proxy', 'true')
    .option('--clusterID <id>', 'cluster that the machine belongs to', 'Kubernetes')
    .option('--tokenDuration <seconds>', 'how long the machine has to come for the first time; later its certificate is enough', '3600')
    .option('--ingressIP <address>', 'where the machine reaches istiod')
    .option('--ingressService <name>', 'Service with that address: NAME[.NAMESPACE]', 'istio-eastwestgateway')
    .option('--internalIP <address>', 'address of the machine; default: the one with which it speaks to istiod')
    .option('--externalIP <address>', 'the same, when others reach it there')
    .action(async (options: Options, self: Command) => {
      check(options);
      const access = accessCluster(globalsOf(self));
      try {
        await configure(options, access);
      } finally {
        access.client.close();
      }
    });
}

function check({ file, name, internalIP, externalIP, tokenDuration, ingressIP, captureDns }: Options): void {
  if (file === undefined && name === undefined) throw new CliError('say which WorkloadGroup: -f FILE, or --name NAME of one in the cluster');
  if (internalIP !== undefined && externalIP !== undefined) throw new CliError('--internalIP and --externalIP exclude each other');
  for (const [flag, value] of Object.entries({ ingressIP, internalIP, externalIP })) if (value !== undefined && isIP(value) === 0) throw new CliError(`--${flag} ${value} is not an IP address`);
  if (!(Number.isInteger(Number(tokenDuration)) && Number(tokenDuration) >= 600)) throw new CliError(`--tokenDuration ${tokenDuration} is not a number of seconds of 600 or more`);
  if (captureDns !== 'true' && captureDns !== 'false') throw new CliError(`--capture-dns ${captureDns} is neither true nor false`);
}

async function configure(options: Options, access: ClusterAccess): Promise<void> {
  const { file, name = '', output, internalIP, externalIP } = options;
  const group = file === undefined ? await groupOfCluster(access, { namespace: access.namespace, name }) : groupOfFile(file);
  const namespace = group.metadata?.namespace ?? access.namespace;
  const account = accountOf(group);
  const [mesh, root, token, istiodAddress] = await Promise.all([
    dataOf(access, { namespace: access.istioNamespace, name: 'istio', key: 'mesh' }),
    dataOf(access, { namespace, name: 'istio-ca-root-cert', key: 'root-cert.pem' }),
    tokenFor(access, { namespace, name: account }, Number(options.tokenDuration)),
    addressOfIstiod(access, options),
  ]);
  const files = machineFiles({
    group, namespace, mesh, rootPem: root, token, istiodAddress, istioNamespace: access.istioNamespace, clusterId: options.clusterID, registers: options.autoregister,
    capturesDns: options.captureDns === 'true', address: internalIP ?? externalIP, isExternal: externalIP !== undefined,
  });
  mkdirSync(output, { recursive: true });
  for (const [at, text] of files) writeFileSync(join(output, at), text, { mode: at === 'istio-token' ? 0o600 : 0o644 });
  process.stderr.write(`Warning: a token of service account ${account} in namespace ${namespace} is in ${join(output, 'istio-token')}: whoever has it is this workload for the next ${options.tokenDuration} seconds\n`);
  if (istiodAddress === undefined) process.stderr.write(`Warning: no address is known at which the machine reaches istiod; give one with --ingressIP, or see that the machine's name server knows it\n`);
  if (group.spec.probe && !options.autoregister) process.stderr.write(`Warning: the probe of the group has an effect only with --autoregister\n`);
  process.stdout.write(`The files for machines of ${namespace}/${group.metadata?.name ?? ''} are in ${output}\n`);
}

async function dataOf({ client }: ClusterAccess, at: { namespace: string; name: string; key: string }): Promise<string> {
  const map = await client.get(ConfigMaps, { namespace: at.namespace, name: at.name }).catch((error: unknown) => {
    if (isNotFound(error)) throw new CliError(`there is no ConfigMap ${at.name} in namespace ${at.namespace}; is the mesh installed? Try: lateen install`);
    throw error;
  });
  const value = map.data?.[at.key];
  if (value === undefined) throw new CliError(`ConfigMap ${at.namespace}/${at.name} has no ${at.key}`);
  return value;
}

type TokenRequest = KubeObject & { spec: object; status?: { token: string } };

async function tokenFor({ client }: ClusterAccess, at: { namespace: string; name: string }, expirationSeconds: number): Promise<string> {
  const request: TokenRequest = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['istio-ca'], expirationSeconds } };
  const answer = await client.create<TokenRequest>({ ...ServiceAccounts, type: undefined }, request, { subresource: 'token', ...at }).catch((error: unknown) => {
    if (isNotFound(error)) throw new CliError(`there is no service account ${at.name} in namespace ${at.namespace}; make it by: kubectl create serviceaccount ${at.name} -n ${at.namespace}`);
    throw error;
  });
  if (!answer.status?.token) throw new CliError(`the API server gave no token for service account ${at.namespace}/${at.name}`);
  return answer.status.token;
}

/** Of the flag, else of the Service: what its load balancer has, or its external addresses. */
async function addressOfIstiod({ client, istioNamespace }: ClusterAccess, { ingressIP, ingressService }: Options): Promise<string | undefined> {
  if (ingressIP !== undefined) return ingressIP;
  const [name = '', namespace = istioNamespace] = ingressService.split('.');
  const service = await client.get(Services, { namespace, name }).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  return service?.status?.loadBalancer?.ingress?.[0]?.ip ?? service?.spec?.externalIPs?.[0];
}
