/** Which program runs for an image. Images are not pulled: a mapping from image names to programs stands in for a registry,
 * for the images that come with Lateen as for the user's own. */
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { parse } from 'yaml';
import { ImagesError, MissingProgramError } from '../network/errors.ts';

export interface ImageMount {
  /** Path on the machine; relative paths in a mapping file are relative to it. */
  readonly host: string;
  readonly path: string;
  readonly readOnly: boolean;
}

/** One entry of a mapping file. */
export interface ImageProgram {
  /** Whole trailing path segments of the repository, `*` within a segment: `lateen/proxy`, `examples-bookinfo-reviews-*`. */
  readonly name: string;
  /** Only these tags; `*` allowed; default: every tag. */
  readonly tags?: readonly string[];
  readonly entrypoint: readonly string[];
  /** Default arguments (an image's CMD), replaced by a container's `args`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  /** `uid` or `uid:gid`; default 0:0. */
  readonly user: string;
  readonly mounts: readonly ImageMount[];
  /** Programs that the machine must have; in the container they are first on PATH. */
  readonly programs: readonly string[];
}

/** The parts of `registry:5000/a/b:tag@sha256:…`. */
export interface ImageReference {
  readonly repository: string;
  readonly tag: string;
}

export function parseImage(image: string): ImageReference {
  const [named = ''] = image.split('@');
  const slash = named.lastIndexOf('/');
  const colon = named.indexOf(':', slash + 1);
  return colon < 0 ? { repository: named, tag: 'latest' } : { repository: named.slice(0, colon), tag: named.slice(colon + 1) };
}

/** As in `kubectl describe`: a digest that stands for the image, since there is no content to hash. */
export function findImage(programs: readonly ImageProgram[], image: string): ImageProgram | undefined {
  const { repository, tag } = parseImage(image);
  const segments = repository.split('/');
  // A longer name says more about the image, so it wins over a shorter one; then the later entry wins, so that users override.
  return programs
    .map((program, order) => ({ program, order, length: program.name.split('/').length }))
    .filter(({ program }) => matchesSegments(segments, program.name.split('/')) && (program.tags?.some((t) => glob(t).test(tag)) ?? true))
    .sort((a, b) => b.length - a.length || Number(b.program.tags !== undefined) - Number(a.program.tags !== undefined) || b.order - a.order)[0]?.program;
}

function matchesSegments(segments: readonly string[], wanted: readonly string[]): boolean {
  const tail = segments.slice(-wanted.length);
  return tail.length === wanted.length && wanted.every((pattern, i) => glob(pattern).test(tail[i] ?? ''));
}

const glob = (pattern: string) => new RegExp(`^${pattern.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join('.*')}$`);

/** @throws ImagesError naming the entry and field that is wrong */
export function parseImages(text: string, file: string): ImageProgram[] {
  let document: unknown;
  try {
    document = parse(text);
  } catch (cause) {
    throw new ImagesError(file, 'is not valid YAML', cause);
  }
  const images = isRecord(document) ? document['images'] : undefined;
  if (!Array.isArray(images)) throw new ImagesError(file, 'must have a list `images`, each with `name` and `entrypoint`');
  return images.map((entry: unknown, i) => decodeProgram(entry, `images[${i}]`, file));
}

const KNOWN = new Set(['name', 'tags', 'entrypoint', 'args', 'env', 'workingDir', 'user', 'mounts', 'programs']);

function decodeProgram(entry: unknown, path: string, file: string): ImageProgram {
  const fail = (detail: string): never => {
    throw new ImagesError(file, `${path}${detail}`);
  };
  if (!isRecord(entry)) return fail(' must be a mapping with `name` and `entrypoint`');
  const unknown = Object.keys(entry).find((key) => !KNOWN.has(key));
  if (unknown) fail(`.${unknown} is not a field; known are ${[...KNOWN].join(', ')}`);
  const strings = (key: string): string[] | undefined => {
    const value = entry[key];
    if (value === undefined) return undefined;
    return Array.isArray(value) && value.every((item) => typeof item === 'string' || typeof item === 'number') ? value.map(String) : fail(`.${key} must be a list of strings`);
  };
  const text = (key: string, fallback?: string): string => {
    const value = entry[key] ?? fallback;
    return typeof value === 'string' || typeof value === 'number' ? String(value) : fail(`.${key} is required`);
  };
  const env = entry['env'] ?? {};
  if (!isRecord(env)) fail('.env must be a mapping of names to values');
  const user = text('user', '0');
  if (!/^\d+(:\d+)?$/.test(user)) fail(`.user "${user}" must be a number, or two as uid:gid`);
  const mounts = entry['mounts'] ?? [];
  if (!Array.isArray(mounts)) fail('.mounts must be a list');
  return {
    name: text('name'), tags: strings('tags'), entrypoint: strings('entrypoint') ?? fail('.entrypoint is required'), args: strings('args') ?? [],
    env: Object.fromEntries(Object.entries(env as Record<string, unknown>).map(([key, value]) => [key, String(value)])),
    workingDir: text('workingDir', '/'), user, programs: strings('programs') ?? [],
    mounts: (mounts as unknown[]).map((mount, i) => {
      if (!isRecord(mount) || typeof mount['host'] !== 'string' || typeof mount['path'] !== 'string') return fail(`.mounts[${i}] must have \`host\` and \`path\``);
      if (!isAbsolute(mount['path'])) fail(`.mounts[${i}].path must be absolute`);
      return { host: resolve(dirname(file), mount['host']), path: mount['path'], readOnly: mount['readOnly'] !== false };
    }),
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

export interface ImageCatalog {
  /** Undefined when no mapping names the image. Files are read again each time they are asked for an unknown image.
   * @throws MissingProgramError when the machine has not what the image needs */
  find(image: string): ImageProgram | undefined;
  /** Names that would be found now; those with a `*` stand for many. */
  names(): string[];
  readonly files: readonly string[];
}

/** Where programs are in a container that the image's mapping asks for. */
const PROGRAM_FOLDER = '/lateen/bin';

/** @param files in order; later ones override earlier ones
 * @param locate path of a program of the machine */
export function createImageCatalog(files: readonly string[], locate: (program: string) => string | undefined = () => undefined): ImageCatalog {
  const read = () => files.flatMap((file) => parseImages(readText(file), file));
  let programs = read();
  // Looked for each time: a program that was just installed is seen by the next try.
  const withPrograms = (image: ImageProgram | undefined): ImageProgram | undefined => {
    if (!image || image.programs.length === 0) return image;
    const mounts = image.programs.map((name) => {
      const host = locate(name);
      if (host === undefined) throw new MissingProgramError(image.name, name);
      return { host, path: `${PROGRAM_FOLDER}/${name}`, readOnly: true };
    });
    return { ...image, mounts: [...mounts, ...image.mounts] };
  };
  return {
    files,
    names: () => programs.filter((image) => image.programs.every((name) => locate(name) !== undefined)).map((image) => image.name),
    find(image) {
      const known = findImage(programs, image);
      if (known) return withPrograms(known);
      // A user who just added the image to the file expects the next try to see it.
      programs = read();
      return withPrograms(findImage(programs, image));
    },
  };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ImagesError(file, 'cannot be read', cause);
  }
}
