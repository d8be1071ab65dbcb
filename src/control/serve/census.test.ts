import assert from 'node:assert/strict';
import test from 'node:test';
import { NameSet } from '../../xds/name-set.ts';
import { EncodedResource } from '../../xds/resource.ts';
import { ResourceSet } from '../../xds/resource-set.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { OriginIndex } from '../generate/origin-index.ts';
import { progressOf } from '../status/progress.ts';
import { Census, type Counted } from './census.ts';

const ORIGIN = 'VirtualService default/web';
const web = new EncodedResource(TypeUrl.Route, '80', Uint8Array.from([1]), { origins: [ORIGIN] });
const withIt = ResourceSet.of([web]);
const without = ResourceSet.of([new EncodedResource(TypeUrl.Route, '80', Uint8Array.from([2]))]);
const origins = new OriginIndex();
origins.add(web);

interface Facts {
  readonly name: string;
  readonly set?: ResourceSet;
  readonly settledAt?: number;
  readonly asked?: readonly string[];
  readonly refuses?: string;
  readonly retains?: boolean;
}

function proxy({ name, set = withIt, settledAt = 5, asked, refuses, retains }: Facts): Counted {
  const names = asked && NameSet.of(asked);
  const refusals = refuses === undefined ? [] : [{ typeUrl: TypeUrl.Route, name: '80', origins: new Set([ORIGIN]), message: refuses }];
  const retained = new Map(retains ? [['80', web]] : []);
  // Only what is counted.
  return { proxy: { name, namespace: 'default' }, settledAt, refusals: () => refusals, session: { holding: () => ({ sets: [set], names, retained }) } } as unknown as Counted;
}

const progress = (proxies: readonly Facts[], since: number, wants: readonly string[] = []) =>
  progressOf(ORIGIN, since, { groups: new Census(proxies.map(proxy), origins).groupsOf(ORIGIN), wants: ({ proxy: { name } }) => wants.includes(name) });

test('proxies that hold the same and have come as far are counted together', () => {
  const many = Array.from({ length: 1000 }, (_, i) => ({ name: `p${i}`, settledAt: i % 2 === 0 ? 5 : 4 }));
  assert.equal(new Census(many.map(proxy), origins).groupsOf(ORIGIN).length, 2);
  const { interested, acknowledged, waitingFor } = progress(many, 5);
  assert.deepEqual([interested, acknowledged, waitingFor], [1000, 500, ['p1.default', 'p3.default', 'p5.default', 'p7.default', 'p9.default']]);
});

test('who counts, and as what', () => {
  const cases: [title: string, proxies: Facts[], interested: number, acknowledged: number, refusals: number, waiting: string[]][] = [
    ['who holds something else does not', [{ name: 'a' }, { name: 'b', set: without }], 1, 1, 0, []],
    ['who has not asked for it does not', [{ name: 'a', asked: ['80'] }, { name: 'b', asked: ['81'] }], 1, 1, 0, []],
    ['who keeps it for a while does', [{ name: 'a', set: without, retains: true }], 1, 1, 0, []],
    ['who refuses it is told by itself', [{ name: 'a' }, { name: 'b', refuses: 'no' }, { name: 'c', refuses: 'no' }], 3, 1, 2, []],
    ['who is late and is to get it is waited for', [{ name: 'a', set: without, settledAt: 3 }, { name: 'b', set: without, settledAt: 3 }], 1, 0, 0, ['a.default']],
  ];
  for (const [title, proxies, ...expected] of cases) {
    const { interested, acknowledged, refusals, waitingFor } = progress(proxies, 5, ['a']);
    assert.deepEqual([interested, acknowledged, refusals.length, waitingFor], expected, title);
  }
});
