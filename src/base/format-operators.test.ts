import assert from 'node:assert/strict';
import test from 'node:test';
import { formatProblem } from './format-operators.ts';

for (const [format, want] of [
  ['plain', undefined],
  ['50%%', undefined],
  ['%PROTOCOL% %REQ(:PATH):10% %RESP(x?y)% %START_TIME(%Y-%m)% %START_TIME% %METADATA(ROUTE:a:b)%', undefined],
  ['50%', /a lone %/],
  ['%req(x)%', /a lone %/],
  ['%REQ(x', /a lone %/],
  ['%NONSENSE%', /there is no operator %NONSENSE%/],
  ['%REQ%', /%REQ% needs an argument/],
  ['%REQ()%', /needs an argument/],
  ['%PROTOCOL(x)%', /takes no argument/],
  ['%PROTOCOL:3%', /takes no argument and no length/],
] as const) {
  test(`the format ${format} is ${want ? 'refused' : 'taken'}, as by Envoy`, () => {
    const problem = formatProblem(format);
    if (want) assert.match(problem ?? '', want);
    else assert.equal(problem, undefined);
  });
}
