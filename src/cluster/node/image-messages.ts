/** What the node says of images. Pure. */
import { createHash } from 'node:crypto';
import { parseImage } from './images.ts';
import type { ImageProgram } from './images.ts';

/** Why an image cannot be had, and what to do. */
export function unknownImage(image: string, files: readonly string[]): string {
  const name = parseImage(image).repository.split('/').slice(-2).join('/');
  const where = files.length > 0 ? `one of ${files.join(', ')}` : 'a mapping file';
  return `no program is mapped to image "${image}": images are not pulled, they name programs of this machine. Add \`- {name: "${name}", entrypoint: ["/path/to/program"]}\` under \`images:\` in ${where}, or start the cluster with \`--images FILE\``;
}

/** Images have no content to hash, so the mapping stands for it: another program, another id. */
export function imageId(image: ImageProgram): string {
  return `${image.name}@sha256:${createHash('sha256').update(JSON.stringify(image)).digest('hex')}`;
}
