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
  ['%START_TIME(%Y):4% %REQ(x):4%', /START_TIME% takes no length/],
  ['%REQ(a?b)% %REQ(:path)% %REQ(X-%Y)% %RESPONSE_HEADER(a)%', undefined],
  ['%REQ(a?b?c)%', /%REQ\(a\?b\?c\)%: one alternative may follow .* as in %REQ\(X-NAME\?X-OTHER\)%/],
  ['%RESP(a b)%', /"a b" is not the name of a header/],
  ['%REQ(a(b))%', /"a\(b\)" is not the name of a header/],
  ['%REQ(:)%', /":" is not the name of a header/],
  ['%REQ(a):x%', /a lone %/],
  ['%COMMON_DURATION(DS_RX_BEG:DS_RX_END:us)% %COMMON_DURATION(A:B)%', undefined],
  ['%COMMON_DURATION(a:b:c)%', /"c" is none of ms, us, ns/],
  ['%COMMON_DURATION(a)%', /must be the beginning, the end/],
  ['%FILTER_STATE(a)% %FILTER_STATE(a:PLAIN):9% %UPSTREAM_FILTER_STATE(a:FIELD:b)%', undefined],
  ['%FILTER_STATE(a:FOO)%', /"FOO" is none of PLAIN, TYPED, FIELD/],
  ['%FILTER_STATE(a:FIELD)%', /followed by the name of a field/],
  ['%FILTER_STATE(a:PLAIN:b)%', /followed by the name of a field/],
  ['%FILTER_STATE(:PLAIN)%', /key must not be empty/],
  ['%METADATA(route:a)%', /"route" is none of CLUSTER/],
  ['%CLUSTER_METADATA(a):3%', /takes no length/],
  ['%PATH(NQ:ORIG):9% %PATH(WQ)% %QUERY_PARAMS(DECODED)% %GRPC_STATUS(NUMBER)% %REQUESTED_SERVER_NAME(SNI_FIRST:HOST)%', undefined],
  ['%PATH(QN)%', /"QN" is none of WQ, NQ/],
  ['%GRPC_STATUS(WORDS)%', /none of CAMEL_STRING/],
  ['%REQUESTED_SERVER_NAME(HOST_FIRST:X)%', /"X" is none of ORIG_OR_HOST/],
  ['%START_TIME(%n)%', /%n is a line break/],
  ['%COALESCE({"operators": ["PROTOCOL"]})%', undefined],
  ['%COALESCE({})%', /must have a list of operators/],
  ['%REQ_WITHOUT_QUERY(X)%', /there is no operator .* in a header value/],
] as const) {
  test(`the format ${format} is ${want ? 'refused' : 'taken'}, as by Envoy`, () => {
    const problem = formatProblem(format, 'header value');
    if (want) assert.match(problem ?? '', want);
    else assert.equal(problem, undefined);
  });
}

test('access logs have an operator more than header values', () => {
  assert.equal(formatProblem('%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%', 'access log'), undefined);
});

test('an argument that is far too long is none, so that a text full of beginnings of operators is read in little time', () => {
  assert.equal(formatProblem(`%REQ(${'a'.repeat(2000)})%`, 'access log'), undefined);
  assert.match(formatProblem(`%REQ(${'a'.repeat(2001)})%`, 'access log') ?? '', /a lone %/);
  assert.match(formatProblem('%A('.repeat(100_000), 'access log') ?? '', /a lone %/);
});
