import test from 'node:test';
import { walkThrough } from './walkthrough.ts';

test('the walkthrough', (t) => walkThrough(t, { name: 'walkthrough', install: [] }));
