/** `validate`: checks files without a cluster; the same checks as the API server and the validating webhook make. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { isError, issueText } from '../api/issue.ts';
import { validateText } from '../api/validation/validate-text.ts';
import { checkPatchValue } from '../control/patch/patch.ts';
import { CliError } from './errors.ts';

const collect = (value: string, previous: string[]) => [...previous, value];

export function validateCommand(): Command {
  return new Command('validate').alias('v').description('check mesh objects in files, `-` is standard input')
    .requiredOption('-f, --filename <file>', 'file to check; may be repeated', collect, [])
    .action((options: { filename: string[] }) => {
      let failed = 0;
      for (const file of options.filename) {
        const issues = validateText(read(file), { envoyValue: checkPatchValue });
        for (const issue of issues) process.stderr.write(`${isError(issue) ? 'Error' : 'Warning'}: ${file}: ${issueText(issue)}\n`);
        if (issues.some(isError)) failed++;
        else process.stdout.write(`${JSON.stringify(file)} is valid\n`);
      }
      if (failed > 0) throw new CliError(`${failed} of ${options.filename.length} files ${failed === 1 ? 'is' : 'are'} not valid`);
    });
}

function read(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    throw new CliError(`cannot read ${file}`, { cause });
  }
}
