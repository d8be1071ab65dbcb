/** volumeMounts → mounts of a container. */
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { isAbsolute, join, normalize } from 'node:path';
import type { Container } from 'kubernetes-types/core/v1.d.ts';
import { ContainerError } from '../../network/errors.ts';
import type { PlannedMount } from '../container-plan.ts';
import { expand } from '../expansion.ts';

/** @throws ContainerError when a subPath leads out of its volume */
export function planMounts(container: Container, env: ReadonlyMap<string, string>, volumePath: (volume: string) => string): PlannedMount[] {
  return (container.volumeMounts ?? []).map((mount) => {
    const base = volumePath(mount.name);
    const subPath = mount.subPathExpr ? expand(mount.subPathExpr, (name) => env.get(name)) : mount.subPath;
    return { source: subPath ? resolveSubPath(base, subPath) : base, target: normalize(join('/', mount.mountPath)), readOnly: mount.readOnly === true };
  });
}

/** Symbolic links are followed now and must stay within the volume: a container may have written them. */
function resolveSubPath(base: string, subPath: string): string {
  const refuse = () => new ContainerError('CreateContainerConfigError', `failed to prepare subPath for volumeMount: ${subPath} leads out of the volume`);
  if (isAbsolute(subPath) || subPath.split('/').includes('..')) throw refuse();
  const path = join(base, subPath);
  if (!existsSync(path)) mkdirSync(path, { recursive: true });
  const real = realpathSync(path);
  const root = realpathSync(base);
  if (real !== root && !real.startsWith(`${root}/`)) throw refuse();
  return real;
}
