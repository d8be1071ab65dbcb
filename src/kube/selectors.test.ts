import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatSelector, matchesFields, matchesLabels, matchesLabelSelector, parseFieldSelector, parseSelector } from './selectors.ts';

const LABELS = { app: 'web', tier: 'front', n: '5' };
for (const [text, want] of [
  ['', true], ['app=web', true], ['app==web,tier=front', true], ['app=db', false], ['app!=db', true], ['other!=x', true],
  ['app in (web, db)', true], ['app in (db)', false], ['app notin (db)', true], ['missing notin (db)', true],
  ['app', true], ['missing', false], ['!missing', true], ['!app', false], ['n>4', true], ['n>5', false], ['n<6', true], ['missing in ()', false],
] as const) {
  test(`the selector "${text}" ${want ? 'selects' : 'does not select'}`, () => {
    const parsed = parseSelector(text);
    assert.ok('ok' in parsed, JSON.stringify(parsed));
    assert.equal(matchesLabels(parsed.ok, LABELS), want);
  });
}

for (const text of ['a=b c', '=x', 'a in b', 'a in (b', ',', 'a=b,', 'x>y', 'a=b d!=e', 'Foo_/x=y']) {
  test(`the selector "${text}" is refused`, () => assert.ok('error' in parseSelector(text)));
}

test('no label selector object selects nothing, and an empty one everything', () => {
  assert.equal(matchesLabelSelector(undefined, LABELS), false);
  assert.equal(matchesLabelSelector({}, LABELS), true);
  assert.equal(matchesLabelSelector({ matchExpressions: [{ key: 'app', operator: 'In', values: ['web'] }] }, LABELS), true);
});

test('a selector is printed as kubectl prints it', () => {
  const parsed = parseSelector('a=b,c in (z,y),!d,e');
  assert.ok('ok' in parsed);
  assert.equal(formatSelector(parsed.ok), 'a=b,c in (y,z),!d,e');
});

test('field selectors know equality, inequality and escapes', () => {
  const parsed = parseFieldSelector(String.raw`metadata.name=a\,b,status.phase!=Running`);
  assert.ok('ok' in parsed);
  const fields = new Map([['metadata.name', 'a,b'], ['status.phase', 'Pending']]);
  assert.equal(matchesFields(parsed.ok, (name) => fields.get(name)), true);
  assert.ok('error' in parseFieldSelector('metadata.name'));
});
