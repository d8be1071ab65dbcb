import { MeshError } from '../base/errors.ts';

/** What a command says before it exits with 1 (or `exitCode`): one sentence with the way out. */
export class CliError extends MeshError<'CLI'> {
  readonly exitCode: number;

  constructor(message: string, options: { cause?: unknown; exitCode?: number } = {}) {
    super('CLI', message, options);
    this.exitCode = options.exitCode ?? 1;
  }
}
