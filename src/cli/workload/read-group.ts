import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { isError, issueText } from '../../api/issue.ts';
import { validateText } from '../../api/validation/validate-text.ts';
import { WorkloadGroups, type WorkloadGroup } from '../../api/workload-group.ts';
import { errorText } from '../../base/errors.ts';
import { isNotFound } from '../../kube/client.ts';
import type { ClusterAccess } from '../cluster-access.ts';
import { CliError } from '../errors.ts';

/** @throws CliError when the file has no WorkloadGroup, or one that is not valid */
export function groupOfFile(file: string): WorkloadGroup {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    throw new CliError(`cannot read ${file}: ${errorText(cause)}`, { cause });
  }
  const errors = validateText(text).filter(isError);
  if (errors.length > 0) throw new CliError(`${file}: ${errors.map(issueText).join('; ')}`);
  const [group, ...others] = parseAllDocuments(text).map((document) => document.toJS() as unknown).filter(isGroup);
  if (group === undefined || others.length > 0) throw new CliError(`${file} has ${group === undefined ? 'no WorkloadGroup' : `${others.length + 1} WorkloadGroups`}; one is needed`);
  return group;
}

const isGroup = (value: unknown): value is WorkloadGroup => typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'WorkloadGroup';

export async function groupOfCluster({ client }: ClusterAccess, at: { namespace: string; name: string }): Promise<WorkloadGroup> {
  try {
    return await client.get(WorkloadGroups, at);
  } catch (error) {
    if (isNotFound(error)) throw new CliError(`there is no WorkloadGroup ${at.name} in namespace ${at.namespace}`);
    throw error;
  }
}
