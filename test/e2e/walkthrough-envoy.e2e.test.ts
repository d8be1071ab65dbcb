import test from 'node:test';
import { walkThrough } from './walkthrough.ts';

test('the walkthrough with Envoy as the data plane', (t) => walkThrough(t, { name: 'walkthrough-envoy', install: ['--set', 'proxy=envoy'] }));
