import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldLines, pathOf } from './field-lines.ts';

for (const [message, want] of [
  ['spec.hosts[1]: duplicate host', ['spec', 'hosts', 1]],
  ['left out: spec.http[0].route[0].destination.host: no host', ['spec', 'http', 0, 'route', 0, 'destination', 'host']],
  ['Accepted: spec.trafficPolicy: not an object', ['spec', 'trafficPolicy']],
  ['spec.subsets[0].labels[bad key!]: not a label', ['spec', 'subsets', 0, 'labels', 'bad key!']],
  ['host reviews is not a service', undefined],
  ['specific words: here', undefined],
] as const) {
  test(`${message} names ${want?.join('/') ?? 'no field'}`, () => assert.deepEqual(pathOf(message), want));
}

const TEXT = `kind: VirtualService
spec:
  hosts:
    - a
    - a
  http:
    - route:
        - destination:
            host: b
`;

test('a message stands at the line of its field, or of the innermost part that is there', () => {
  const messages = ['spec.hosts[1]: duplicate', 'spec.http[0].route[0].destination.subset: missing', 'spec.tls: nothing', 'no path'];
  assert.deepEqual([...fieldLines(TEXT, messages)], [[4, [messages[0]]], [7, [messages[1]]], [1, [messages[2]]]]);
});
