/** The read-only ground on which every container's root stands: the directories of a small Linux, a user database, device
 * nodes. Programs come from the machine's own /usr, mounted read-only; nothing else of the machine is visible. */
import { chmodSync, existsSync, lstatSync, mkdirSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { RunCommand } from '../network/command.ts';
import type { PlannedMount } from './container-plan.ts';

export interface Skeleton {
  /** The lower directory of every container's overlay. */
  readonly path: string;
  /** Mounted read-only into every container: /usr, and /bin, /lib, … where the machine has them apart. */
  readonly mounts: readonly PlannedMount[];
}

const TOP = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];
const ETC_FILES = ['ld.so.cache', 'ld.so.conf', 'localtime', 'mime.types', 'protocols', 'services', 'login.defs', 'debian_version', 'os-release'];
const ETC_FOLDERS = ['alternatives', 'ld.so.conf.d', 'ssl/certs', 'fonts'];
const EMPTY = ['proc', 'sys', 'usr', 'dev/pts', 'dev/shm', 'tmp', 'var/tmp', 'var/log', 'var/run', 'var/lib', 'var/cache', 'run', 'root', 'home', 'opt', 'srv', 'mnt', 'media', 'lateen/bin'];
const DEVICES: readonly (readonly [name: string, major: number, minor: number])[] = [['null', 1, 3], ['zero', 1, 5], ['full', 1, 7], ['random', 1, 8], ['urandom', 1, 9], ['tty', 5, 0]];

const PASSWD = [
  'root:x:0:0:root:/root:/bin/sh', 'daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin', 'bin:x:2:2:bin:/bin:/usr/sbin/nologin',
  'www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin', 'istio-proxy:x:1337:1337:istio-proxy:/home/istio-proxy:/usr/sbin/nologin',
  'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin',
];
const GROUP = ['root:x:0:', 'daemon:x:1:', 'bin:x:2:', 'tty:x:5:', 'www-data:x:33:', 'istio-proxy:x:1337:', 'nogroup:x:65534:'];

export async function buildSkeleton(path: string, lateen: readonly PlannedMount[], run: RunCommand): Promise<Skeleton> {
  for (const folder of EMPTY) mkdirSync(join(path, folder), { recursive: true });
  for (const folder of ['tmp', 'var/tmp', 'dev/shm']) chmodSync(join(path, folder), 0o1777);
  chmodSync(join(path, 'root'), 0o700);
  const mounts: PlannedMount[] = [{ source: '/usr', target: '/usr', readOnly: true }, ...lateen];
  for (const name of TOP) {
    const host = `/${name}`;
    const stat = lstatSync(host, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink()) symlinkSync(readlinkSync(host), join(path, name));
    else if (stat?.isDirectory()) mounts.push({ source: host, target: host, readOnly: true });
  }
  buildEtc(join(path, 'etc'));
  for (const mount of mounts) makeMountPoint(path, mount);
  await copyAndMakeDevices(path, run);
  return { path, mounts };
}

/** Makes an empty file or folder where something will be mounted, as the source is. */
export function makeMountPoint(root: string, mount: PlannedMount): void {
  const at = join(root, mount.target);
  // mount(8) follows links.
  if (statSync(mount.source).isDirectory()) return void mkdirSync(at, { recursive: true });
  mkdirSync(dirname(at), { recursive: true });
  if (!existsSync(at)) writeFileSync(at, '');
}

function buildEtc(etc: string): void {
  mkdirSync(etc, { recursive: true });
  writeFileSync(join(etc, 'passwd'), `${PASSWD.join('\n')}\n`);
  writeFileSync(join(etc, 'group'), `${GROUP.join('\n')}\n`);
  writeFileSync(join(etc, 'nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n');
  writeFileSync(join(etc, 'resolv.conf'), '');
}

/** One shell for all of it, beside this process: hundreds of certificates would hold up the API server's start. */
async function copyAndMakeDevices(path: string, run: RunCommand): Promise<void> {
  const dev = join(path, 'dev');
  const etc = [...ETC_FILES, ...ETC_FOLDERS].filter((name) => existsSync(`/etc/${name}`));
  await run(['/bin/sh'], [
    'set -e',
    'cd /etc',
    // Links that lead out of /etc would lead nowhere in a container, so single files are copied as what they mean.
    `cp -rL --parents ${etc.filter((name) => ETC_FILES.includes(name)).join(' ')} ${join(path, 'etc')}`,
    `cp -a --parents ${etc.filter((name) => ETC_FOLDERS.includes(name)).join(' ')} ${join(path, 'etc')}`,
    `cd ${dev}`,
    ...DEVICES.map(([name, major, minor]) => `mknod -m 666 ${name} c ${major} ${minor}`),
    '',
  ].join('\n'));
  for (const [name, target] of [['fd', '/proc/self/fd'], ['stdin', '/proc/self/fd/0'], ['stdout', '/proc/self/fd/1'], ['stderr', '/proc/self/fd/2'], ['ptmx', 'pts/ptmx']] as const) {
    symlinkSync(target, join(dev, name));
  }
}
