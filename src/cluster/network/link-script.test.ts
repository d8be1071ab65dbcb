import assert from 'node:assert/strict';
import { test } from 'node:test';
import { removalScript, sandboxScript } from './link-script.ts';

test('a pod’s network is a routed veth: an address of its own, a gateway nobody owns, neighbours fixed on both sides', () => {
  const script = sandboxScript([258]);
  for (const line of [
    'netns add pod258',
    'link add veth258 address ee:ee:ee:ee:ee:ee type veth peer name eth0 address 0a:58:0a:f4:01:02 netns pod258',
    'route add 10.244.1.2 dev veth258 src 10.244.0.1',
    'neigh add 10.244.1.2 dev veth258 lladdr 0a:58:0a:f4:01:02 nud permanent',
    'addr add 10.244.1.2/32 dev eth0',
    'neigh add 169.254.1.1 dev eth0 lladdr ee:ee:ee:ee:ee:ee nud permanent',
    'route add default via 169.254.1.1 dev eth0',
  ]) assert.ok(script.split('\n').includes(line), line);
});

test('several pods are made by one command in the node’s namespace and one in each pod’s', () => {
  const commands = sandboxScript([2, 3]).split('\n').filter((line) => line.startsWith('ip '));
  assert.deepEqual(commands, ["ip -batch - <<'END'", "ip -n pod2 -batch - <<'END'", "ip -n pod3 -batch - <<'END'"]);
});

test('removal goes on past what is gone already', () => {
  assert.equal(removalScript([2]), "ip -force -batch - <<'END'\nlink del veth2\nnetns del pod2\nEND\n");
});
