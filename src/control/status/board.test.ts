import assert from 'node:assert/strict';
import test from 'node:test';
import { silentLog } from '../../base/log.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { SnapshotBuilder } from '../registry/snapshot-builder.ts';
import { yamlMesh } from '../registry/testing/yaml-mesh.ts';
import type { ProxyGroup } from '../serve/census.ts';
import type { ConnectedProxy } from '../serve/discovery.ts';
import { StatusBoard } from './board.ts';

const MESH = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}
`;

// Of a connection the board asks for its name and its refusals only.
const proxy = (name: string) => ({ proxy: { name, namespace: 'default' }, refusals: () => [] }) as unknown as ConnectedProxy;
const group = (member: ConnectedProxy, hasAnswered: boolean): ProxyGroup => ({ members: [member], settledAt: hasAnswered ? Infinity : 0, holds: hasAnswered });

function start() {
  const clock = new FakeClock();
  const mesh: { groups: ProxyGroup[] } = { groups: [] };
  const told: string[] = [];
  const board = new StatusBoard({
    clock, log: silentLog, leftOut: () => [],
    proxies: { allSettledAt: () => mesh.groups.reduce((least, { settledAt }) => Math.min(least, settledAt), Infinity), census: () => ({ groupsOf: () => mesh.groups }), wants: () => true },
    report: ({ facts: { progress } }) => void told.push(`${progress.acknowledged} of ${progress.interested}`),
  });
  board.observe(new SnapshotBuilder().build(yamlMesh(MESH), 0));
  return { clock, mesh, told, board };
}

test('who has just connected is counted when it has everything, and until then nothing is called pending for its sake', async () => {
  const { clock, mesh, told, board } = start();
  const [first, second] = [proxy('first'), proxy('second')];
  mesh.groups = [group(first, true)];
  board.proxyEvent('settled', first);
  await clock.advance(1_000);
  assert.equal(told.at(-1), '1 of 1');

  mesh.groups = [group(first, true), group(second, false)];
  board.proxyEvent('connected', second);
  await clock.advance(5_000);
  assert.deepEqual(told.filter((text) => text === '1 of 2'), []);
  mesh.groups = [group(first, true), group(second, true)];
  board.proxyEvent('settled', second);
  await clock.advance(100);
  assert.equal(told.at(-1), '2 of 2');

  mesh.groups = [group(first, true)];
  board.proxyEvent('disconnected', second);
  await clock.advance(1_100);
  assert.equal(told.at(-1), '1 of 1', 'who has gone is not counted any more');
});

test('who has connected and never answers is waited for, and then told of', async () => {
  const { clock, mesh, told, board } = start();
  const [first, mute] = [proxy('first'), proxy('mute')];
  mesh.groups = [group(first, true), group(mute, false)];
  await clock.advance(1_000);
  told.length = 0;
  board.proxyEvent('connected', mute);
  await clock.advance(20_000);
  assert.equal(told.at(-1), '1 of 2');
});
