/** Which rule of a VirtualService a request takes. */
import { APP_SUBSETS, get, virtualService, type Scenario } from '../scenario.ts';

/** Requests that match go to v2, all others to v1. */
const v2When = (match: string): string[] => [
  APP_SUBSETS,
  virtualService(`
    hosts: [app]
    http:
    - match: [${match}]
      route: [{destination: {host: app, subset: v2}}]
    - route: [{destination: {host: app, subset: v1}}]
  `),
];

const V1 = { body: 'app-v1' };
const V2 = { body: 'app-v2' };
const match = 'VirtualService.http[].match[]';

export const HTTP_MATCH: readonly Scenario[] = [
  { name: 'an exact uri matches the whole path and not the query', covers: [`${match}.uri`], mesh: v2When('{uri: {exact: /a}}'), steps: [get('app/a?x=1', V2), get('app/a/', V1), get('app/ab', V1), get('app/A', V1)] },
  { name: 'a uri prefix matches by characters', covers: [`${match}.uri`], mesh: v2When('{uri: {prefix: /a}}'), steps: [get('app/a', V2), get('app/abc', V2), get('app/b', V1)] },
  { name: 'a uri regex has to match the whole path', covers: [`${match}.uri`], mesh: v2When('{uri: {regex: "/a[0-9]+"}}'), steps: [get('app/a12?x=1', V2), get('app/a12b', V1)] },
  { name: 'ignoreUriCase holds for exact and prefix', covers: [`${match}.ignoreUriCase`], mesh: v2When('{uri: {prefix: /ABC}, ignoreUriCase: true}'), steps: [get('app/abcd', V2), get('app/AbC', V2), get('app/ab', V1)] },
];
