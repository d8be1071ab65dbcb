/** The command line that turns a plan into a process in namespaces of its own. Pure. */
import type { ContainerPlan } from './container-plan.ts';
import type { RootFilesystem } from './root-filesystem.ts';

/** Environments hold secrets, and anybody on the machine can read a command line: so they are never on one that stays. */
const EXEC_SCRIPT = 'eval "$(cat <&3)"; exec 3<&-; cd "$dir" && exec "$@"';

/** The outer shell stays to tell how the container ended (128 + signal, which `unshare --fork` cannot). Its child is the first
 * process of the new PID namespace: it builds the root, moves into it and becomes the container's program.
 * - Descriptor 3 takes the words of what goes wrong before that; a single dot there means that all is well.
 * - Descriptors 4 and 5 are the program's outputs, so that nothing the launching programs say gets into its log.
 * - `/mnt` is where the old root hangs for a moment: unmounting it leaves nothing of the node within reach, and no copy of
 *   other pods' mounts that would keep them alive. */
const SCRIPT = `
root=$1 table=$2 host=$3 dir=$4 command=$5
exec 6<&0
(
exec <&6 6<&-
. "$command"
{ echo "$host" >/proc/sys/kernel/hostname &&
mount -a -T "$table" &&
cd "$root" && pivot_root . mnt && cd / && umount -l /mnt &&
cd "$dir"; } 2>&3 || exit 128
PATH="$path" command -v -- "$program" >/dev/null || { printf 'exec: "%s": executable file not found in $PATH' "$program" >&3; exit 128; }
printf . >&3
exec "$@" 1>&4 2>&5 3>&- 4>&- 5>&-
) &
exec 0<&- 3>&- 4>&- 5>&- 6<&-
wait $!
`;

/** @param commandFile holds what `renderCommand` gave, readable by root alone */
export function launchCommand(plan: ContainerPlan, root: RootFilesystem, at: { netPath: string; commandFile: string }): [string, ...string[]] {
  return [
    'nsenter', `--net=${at.netPath}`, '--', 'unshare', '--mount', '--pid', '--uts', '--ipc', '--',
    '/bin/sh', '-c', SCRIPT, 'lateen', root.root, root.table, plan.hostname, plan.workingDir, at.commandFile,
  ];
}

/** Enters a running container, whose first process has this id, and runs the command it reads from descriptor 3. */
export function execCommand(pid: number): [string, ...string[]] {
  return ['nsenter', `--target=${pid}`, '--mount', '--uts', '--ipc', '--net', '--pid', '--', '/bin/sh', '-c', EXEC_SCRIPT];
}

/** The program with its privileges and environment, as a shell script that sets the positional parameters. `env -i` carries
 * the variables, so that names a shell cannot hold get through and nothing of the node's own leaks. */
export function renderCommand(plan: ContainerPlan, argv: readonly string[]): string {
  const words = ['setpriv', ...privileges(plan), 'env', '-i', ...[...plan.env].map(([name, value]) => `${name}=${value}`), ...argv];
  return [`dir=${quote(plan.workingDir)}`, `path=${quote(plan.env.get('PATH') ?? '')}`, `program=${quote(argv[0] ?? '')}`, `set -- ${words.map(quote).join(' ')}`, ''].join('\n');
}

export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

function privileges(plan: ContainerPlan): string[] {
  const options = [`--reuid=${plan.uid}`, `--regid=${plan.gid}`, plan.groups.length > 0 ? `--groups=${plan.groups.join(',')}` : '--clear-groups'];
  if (plan.noNewPrivileges) options.push('--no-new-privs');
  if (plan.capabilities !== 'all') {
    const list = ['-all', ...plan.capabilities.map((name) => `+${name}`)].join(',');
    options.push(`--bounding-set=${list}`, `--inh-caps=${list}`);
  }
  return options;
}
