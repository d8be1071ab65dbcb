/** Can this machine run the embedded cluster? Each problem is one sentence that says what to do. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PreflightError } from '../network/errors.ts';

/** Program → Debian package that has it. */
const PROGRAMS: Readonly<Record<string, string>> = {
  ip: 'iproute2', nft: 'nftables', unshare: 'util-linux', nsenter: 'util-linux', setpriv: 'util-linux', pivot_root: 'util-linux', mount: 'mount', umount: 'mount',
  mkfifo: 'coreutils', mknod: 'coreutils',
};

export interface Machine {
  readonly platform: string;
  readonly uid: number;
  has(program: string): boolean;
  /** '' when namespaces can be made, else what the system said. */
  tryNamespaces(): string;
  fileSystems(): string;
}

/** Pure over the machine. Later checks are left out when an earlier one makes them meaningless. */
export function findProblems(machine: Machine): string[] {
  if (machine.platform !== 'linux') return [`The embedded cluster needs Linux (its pods live in Linux namespaces) and this is ${machine.platform}: run it in a Linux virtual machine, or use Lateen with a Kubernetes cluster you have.`];
  if (machine.uid !== 0) return ['The embedded cluster needs root to make network namespaces: run the command with sudo.'];
  const missing = Object.keys(PROGRAMS).filter((program) => !machine.has(program));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((program) => PROGRAMS[program]))].join(' ');
    return [`Not installed: ${missing.join(', ')}. On Debian or Ubuntu: apt-get install ${packages}.`];
  }
  const refused = machine.tryNamespaces();
  if (refused !== '') return [`The system does not let root make namespaces (${refused}): in a container, start it with --privileged; otherwise look at the settings of its sandbox.`];
  if (!/\boverlay$/m.test(machine.fileSystems())) return ['The kernel has no overlay file system, which pods stand on: load it with `modprobe overlay`, or use a kernel that has it.'];
  return [];
}

/** @throws PreflightError with every problem found */
export function preflight(machine: Machine = thisMachine()): void {
  const problems = findProblems(machine);
  if (problems.length > 0) throw new PreflightError(problems);
}

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    uid: process.getuid?.() ?? -1,
    has: (program) => (process.env['PATH'] ?? '').split(':').concat('/usr/sbin', '/sbin').some((folder) => isExecutable(join(folder, program))),
    tryNamespaces() {
      const { status, stderr, error } = spawnSync('unshare', ['--net', '--mount', '--pid', '--uts', '--ipc', '--fork', '--mount-proc', 'true'], { encoding: 'utf8' });
      return status === 0 ? '' : (error?.message ?? stderr.trim());
    },
    fileSystems: () => readFileSync('/proc/filesystems', 'utf8'),
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
