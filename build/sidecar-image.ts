/** How the shipped sidecar is started: what its image says. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';

export interface SidecarImage {
  /** What comes before the program on Node's command line. */
  readonly flags: readonly string[];
  /** Paths are inside of the image. */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
}

interface Image {
  readonly name: string;
  readonly entrypoint: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export function sidecarImage(): SidecarImage {
  const { images } = parse(readFileSync(resolve('images/lateen.yaml'), 'utf8')) as { images: readonly Image[] };
  const image = images.find(({ name }) => name === 'lateen/proxy');
  const program = image?.entrypoint.at(-1);
  if (!image || program === undefined) throw new Error('images/lateen.yaml: there is no lateen/proxy');
  return { flags: image.entrypoint.slice(1, -1), program, env: image.env };
}
