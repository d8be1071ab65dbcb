import assert from 'node:assert/strict';
import test from 'node:test';
import { create } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { RouteMatchSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { Headers } from '../../codec/headers.ts';
import { compileRouteMatch } from './path-match.ts';
import { indexRoutes, pathShape } from './route-index.ts';

const piece = fc.constantFrom('/', '/a', '/ab', '/a/b', '/b', '/ab/c', '', '*');
const specifier = fc.oneof(
  piece.map((value) => ({ case: 'prefix' as const, value })),
  piece.map((value) => ({ case: 'path' as const, value })),
  fc.constantFrom('/a', '/ab', '/a/b').map((value) => ({ case: 'pathSeparatedPrefix' as const, value })),
  fc.constantFrom('/a.*', '/.b').map((regex) => ({ case: 'safeRegex' as const, value: { regex } })),
);
const match = fc.record({ pathSpecifier: specifier, isFolded: fc.boolean(), header: fc.constantFrom(undefined, 'x-a') });

test('the index finds what asking one after the other would have found', () => {
  fc.assert(fc.property(fc.array(match, { minLength: 1, maxLength: 40 }), fc.array(fc.tuple(piece, piece, fc.boolean(), fc.boolean()), { maxLength: 20 }), (matches, requests) => {
    const routes = matches.map(({ pathSpecifier, isFolded, header }) => {
      const message = create(RouteMatchSchema, { pathSpecifier, ...(isFolded ? { caseSensitive: false } : {}), headers: header ? [{ name: header, headerMatchSpecifier: { case: 'presentMatch', value: true } }] : [] });
      return { shape: pathShape(message), matches: compileRouteMatch(message, () => 0) };
    });
    const find = indexRoutes(routes);
    for (const [a, b, hasQuery, hasHeader] of requests) {
      const request = { method: 'GET', path: `${a}${b}${hasQuery ? '?q=/a' : ''}`, authority: 'a', scheme: 'http', headers: hasHeader ? Headers.of('x-a', '1') : new Headers() };
      assert.equal(find(request), routes.find((route) => route.matches(request)));
    }
  }), { numRuns: 500 });
});
