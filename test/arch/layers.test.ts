import assert from 'node:assert/strict';
import test from 'node:test';
import { findCycles, readImports } from './import-graph.ts';

/** Who may import whom, by room; more exact paths win over shorter ones. ARCHITECTURE.md draws the same table. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'src/base': [],
  'src/kube': ['src/base'],
  'src/pki': ['src/base'],
  'src/codec': ['src/base'],
  'src/grpc': ['src/base', 'src/codec'],
  'src/xds': ['src/base', 'src/grpc'],
  'src/api': ['src/base', 'src/kube'],
  'src/cluster': ['src/base', 'src/kube', 'src/pki'],
  'src/control': ['src/base', 'src/kube', 'src/pki', 'src/grpc', 'src/xds', 'src/api'],
  'src/proxy': ['src/base', 'src/codec', 'src/xds', 'src/pki'],
  // Envoy instead of our data path: only what stands around a data path.
  'src/agent': [
    'src/base', 'src/grpc', 'src/xds', 'src/proxy/admin', 'src/proxy/bootstrap', 'src/proxy/dns', 'src/proxy/health', 'src/proxy/secrets', 'src/proxy/telemetry',
    'src/proxy/commands.ts', 'src/proxy/ending.ts', 'src/proxy/outcome.ts', 'src/proxy/peer-metadata.ts', 'src/proxy/secret-source.ts',
  ],
  'src/observe': ['src/base', 'src/kube'],
  'src/console': ['src/base', 'src/kube'],
  'src/install': ['src/base', 'src/kube', 'src/api'],
  'src/cli': ['src/base', 'src/kube', 'src/api', 'src/install', 'src/cluster/host', 'src/control/patch/patch.ts'],
  'src/testkit': ['build', 'src/base', 'src/kube', 'src/pki', 'src/xds', 'src/api', 'src/cluster', 'src/control', 'src/proxy'],
};

const rooms = Object.keys(MAY_IMPORT).sort((a, b) => b.length - a.length);
const roomOf = (file: string) => rooms.find((room) => file.startsWith(`${room}/`));
const within = (file: string, prefix: string) => file === prefix || file.startsWith(`${prefix}/`);
const isTest = (file: string) => /\.test\.ts$|\/testdata\/|\/test-/.test(file);
const imports = readImports('src').filter(({ from }) => !isTest(from));

test('every file of src lives in a room of the house', () => {
  assert.deepEqual(imports.map(({ from }) => from).filter((file) => roomOf(file) === undefined), []);
});

test('rooms import only what stands below them', () => {
  const wrong = imports.filter(({ from, to }) => {
    const room = roomOf(from);
    return room !== undefined && !within(to, room) && !(MAY_IMPORT[room] ?? []).some((allowed) => within(to, allowed));
  });
  assert.deepEqual(wrong.map(({ from, to }) => `${from} → ${to}`), []);
});

test('no permission is left that nobody uses', () => {
  const stale = Object.entries(MAY_IMPORT).flatMap(([room, allowed]) =>
    room === 'src/testkit' ? [] : allowed.filter((target) => !imports.some(({ from, to }) => roomOf(from) === room && within(to, target))).map((target) => `${room} → ${target}`),
  );
  assert.deepEqual(stale, []);
});

test('production code does not use the test kit', () => {
  assert.deepEqual(imports.filter(({ from, to }) => within(to, 'src/testkit') && !within(from, 'src/testkit')), []);
});

test('there are no circles at run time', () => {
  assert.deepEqual(findCycles(imports), []);
});
