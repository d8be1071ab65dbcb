/** The one edge where errors become text and exit codes. */
import { errorText, isMeshError } from '../base/errors.ts';
import { CliError } from './errors.ts';

export function reportFailure(error: unknown): number {
  const known = isMeshError(error);
  process.stderr.write(`Error: ${errorText(error)}\n`);
  if (!known && error instanceof Error && process.env['LATEEN_DEBUG']) process.stderr.write(`${error.stack}\n`);
  return error instanceof CliError ? error.exitCode : 1;
}
