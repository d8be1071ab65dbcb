import assert from 'node:assert/strict';
import test from 'node:test';
import { DistinctChains } from './distinct-chains.ts';

const chain = (names: string, subnets = '') => ({ serverNames: names.split(' ').filter(Boolean), subnets: subnets.split(' ').filter(Boolean) });
const text = ({ serverNames, subnets }: { serverNames: readonly string[]; subnets: readonly string[] }) => `${serverNames.join(' ')}@${subnets.join(' ')}`;

test('of chains that match the same name and address the first keeps them', () => {
  const cases: [chains: [names: string, subnets?: string][], expected: string[]][] = [
    [[['a b'], ['b c']], ['a b@', 'c@']],
    [[['a'], ['A']], ['a@']],
    [[['a a']], ['a@']],
    [[['a'], ['a', '10.0.0.0/8']], ['a@', 'a@10.0.0.0/8']],
    [[['', '10.0.0.0/8'], ['', '10.1.2.3/8 10.1.2.3']], ['@10.0.0.0/8', '@10.1.2.3']],
    [[['', '10.0.0.1/32 10.0.0.1 ::1/128']], ['@10.0.0.1 ::1']],
    [[['a', '10.0.0.1'], ['a b', '10.0.0.1 10.0.0.2']], ['a@10.0.0.1', 'a@10.0.0.2', 'b@10.0.0.1 10.0.0.2']],
    [[[''], ['']], ['@']],
  ];
  for (const [chains, expected] of cases) {
    const distinct = new DistinctChains();
    assert.deepEqual(chains.flatMap(([names, subnets]) => distinct.claim(chain(names, subnets))).map(text), expected, JSON.stringify(chains));
  }
});
