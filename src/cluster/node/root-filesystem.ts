/** A container's root: an overlay of the skeleton and its own writable layer, with its volumes mounted over it. */
import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerPlan, PlannedMount } from './container-plan.ts';
import type { Skeleton } from './skeleton.ts';
import { makeMountPoint } from './skeleton.ts';

export interface RootFilesystem {
  /** Where the overlay is mounted; becomes `/`. */
  readonly root: string;
  /** The writable layer, readable from the node: what the container wrote is found here. */
  readonly upper: string;
  /** Path of the mount table. */
  readonly table: string;
}

export interface RootFiles {
  readonly hosts: string;
  readonly resolvConf: string;
}

/** @param folder empty and private to this run of the container; on a tmpfs, so that the overlay works wherever the machine's own disk is an overlay itself */
export function buildRoot(folder: string, plan: ContainerPlan, skeleton: Skeleton, files: RootFiles): RootFilesystem {
  const at = { root: join(folder, 'root'), upper: join(folder, 'upper'), work: join(folder, 'work'), usrUpper: join(folder, 'usr-upper'), usrWork: join(folder, 'usr-work') };
  for (const path of [at.root, at.upper, at.work, join(at.upper, 'etc'), join(at.upper, 'dev')]) mkdirSync(path, { recursive: true });
  writeFileSync(join(at.upper, 'etc/hosts'), files.hosts);
  writeFileSync(join(at.upper, 'etc/resolv.conf'), files.resolvConf);
  writeFileSync(join(at.upper, 'etc/hostname'), `${plan.hostname}\n`);
  writeFileSync(join(at.upper, 'dev/termination-log'), '');
  chmodSync(join(at.upper, 'dev/termination-log'), 0o666);
  if (!skeletonOwns(plan.workingDir)) {
    mkdirSync(join(at.upper, plan.workingDir), { recursive: true });
    chownSync(join(at.upper, plan.workingDir), plan.uid, plan.gid);
  }
  // Shorter targets first: a mount within another mount must come after it.
  const mounts = [...plan.mounts].sort((a, b) => a.target.length - b.target.length);
  const underUsr = mounts.some((m) => m.target.startsWith('/usr/'));
  if (underUsr) for (const path of [at.usrUpper, at.usrWork]) mkdirSync(path);
  // A mount point below /usr cannot be made in the machine's own, so such a container gets an overlay of it.
  for (const mount of mounts) {
    const outer = mounts.findLast((other) => mount.target.startsWith(`${other.target}/`));
    // Within another volume the mount point is that volume's own, as container runtimes make it.
    if (outer) makeMountPoint(outer.source, { ...mount, target: mount.target.slice(outer.target.length) });
    else if (mount.target.startsWith('/usr/')) makeMountPoint(at.usrUpper, { ...mount, target: mount.target.slice('/usr'.length) });
    else makeMountPoint(at.upper, mount);
  }
  const table = join(folder, 'mounts');
  writeFileSync(table, renderMountTable({ at, plan, mounts, skeleton, underUsr }));
  return { root: at.root, upper: at.upper, table };
}

const skeletonOwns = (path: string) => path === '/' || path === '/tmp' || path.startsWith('/usr') || path.startsWith('/proc') || path.startsWith('/lateen');

interface TableInput {
  readonly at: { root: string; upper: string; work: string; usrUpper: string; usrWork: string };
  readonly plan: ContainerPlan;
  readonly mounts: readonly PlannedMount[];
  readonly skeleton: Skeleton;
  readonly underUsr: boolean;
}

/** fstab(5) for one `mount -a`. */
function renderMountTable({ at, plan, mounts, skeleton, underUsr }: TableInput): string {
  const inside = (target: string) => join(at.root, target);
  const rows: [source: string, target: string, type: string, options: string][] = [
    ['overlay', at.root, 'overlay', `${plan.readOnlyRoot ? 'ro,' : ''}lowerdir=${skeleton.path},upperdir=${at.upper},workdir=${at.work}`],
    ['proc', inside('proc'), 'proc', 'nosuid,nodev,noexec'],
    ['devpts', inside('dev/pts'), 'devpts', 'newinstance,ptmxmode=0666,mode=0620,nosuid,noexec'],
  ];
  // Kernel settings are the machine's: only a privileged container may change them, as with Docker.
  if (plan.capabilities !== 'all') for (const path of ['proc/sys', 'proc/sysrq-trigger']) if (existsSync(`/${path}`)) rows.push([inside(path), inside(path), 'none', 'bind,ro']);
  for (const mount of skeleton.mounts) {
    if (mount.target === '/usr' && underUsr) rows.push(['overlay', inside('usr'), 'overlay', `lowerdir=/usr,upperdir=${at.usrUpper},workdir=${at.usrWork}`]);
    else rows.push([mount.source, inside(mount.target), 'none', 'bind,ro']);
  }
  for (const mount of mounts) rows.push([mount.source, inside(mount.target), 'none', mount.readOnly ? 'bind,ro' : 'bind']);
  return rows.map(([source, target, type, options]) => `${escape(source)} ${escape(target)} ${type} ${escape(options)} 0 0\n`).join('');
}

const escape = (text: string) => text.replaceAll('\\', '\\134').replaceAll(' ', '\\040').replaceAll('\t', '\\011').replaceAll('\n', '\\012');
