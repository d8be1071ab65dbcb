import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod } from 'kubernetes-types/core/v1.d.ts';
import { planContainer, podHostname } from './container-plan.ts';
import type { ImageProgram } from './images.ts';
import { launchCommand, renderCommand } from './launch-command.ts';

const image: ImageProgram = { name: 'x', entrypoint: ['prog', '-a'], args: ['default'], env: { FROM_IMAGE: '1' }, workingDir: '/srv', user: '1337:1338', mounts: [], programs: [] };
const plan = (container: Partial<Container>, spec: Partial<Pod['spec']> = {}) =>
  planContainer({ pod: { metadata: { name: 'p', namespace: 'ns' }, spec: { containers: [], ...spec } }, container: { name: 'c', ...container }, image, env: new Map([['NAME', 'bob']]), mounts: [] });

for (const [why, container, want] of [
  ['the image speaks when the container is silent', {}, ['prog', '-a', 'default']],
  ['args replace the image’s own', { args: ['$(NAME)'] }, ['prog', '-a', 'bob']],
  ['a command replaces the entrypoint and its arguments', { command: ['other'] }, ['other']],
  ['command and args go together', { command: ['other'], args: ['x', '$$(NAME)'] }, ['other', 'x', '$(NAME)']],
] as const) {
  test(why, () => assert.deepEqual(plan(container as unknown as Partial<Container>).argv, want));
}

test('the user is the container’s, else the pod’s, else the image’s', () => {
  assert.deepEqual([plan({}).uid, plan({}).gid], [1337, 1338]);
  assert.deepEqual([plan({}, { securityContext: { runAsUser: 5 } }).uid, plan({}, { securityContext: { runAsUser: 5 } }).gid], [5, 0]);
  assert.equal(plan({ securityContext: { runAsUser: 6 } }, { securityContext: { runAsUser: 5 } }).uid, 6);
  assert.deepEqual(plan({}, { securityContext: { fsGroup: 9, supplementalGroups: [8, 9] } }).groups, [8, 9]);
});

test('a container that must not be root is not started as root', () => {
  assert.throws(() => plan({ securityContext: { runAsNonRoot: true, runAsUser: 0 } }), { reason: 'CreateContainerConfigError', message: /container has runAsNonRoot and image will run as root/ });
});

test('capabilities are the usual ones, with what is added and without what is dropped', () => {
  assert.ok(plan({}).capabilities.includes('net_bind_service'));
  assert.equal(plan({}).capabilities.includes('net_admin'), false);
  assert.deepEqual(plan({ securityContext: { capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'CAP_NET_RAW'] } } }).capabilities, ['net_admin', 'net_raw']);
  assert.equal(plan({ securityContext: { privileged: true } }).capabilities, 'all');
});

test('a long pod name makes a host name that is allowed', () => {
  assert.equal(podHostname({ metadata: { name: `${'a'.repeat(62)}-b` } }), 'a'.repeat(62));
  assert.equal(podHostname({ metadata: { name: 'p' }, spec: { containers: [], hostname: 'own' } }), 'own');
});

test('variables, which may be secret, are on no command line that stays', () => {
  const { root, table } = { root: '/r', table: '/t' };
  const line = launchCommand(plan({}), { root, table, upper: '/u' }, { netPath: '/run/netns/pod2', commandFile: '/r/command' });
  assert.equal(line.some((word) => word.includes('bob') || word.includes('FROM_IMAGE')), false);
  assert.match(renderCommand(plan({ args: ["it's"] }), ['prog', "it's"]), /'NAME=bob' 'prog' 'it'\\''s'/);
});
