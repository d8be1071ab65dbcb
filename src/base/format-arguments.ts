/** What operators of formats take in brackets. Source: what Envoy 1.40 refuses. */

export interface ArgumentRule {
  /** Default: may be left out. */
  readonly isRequired?: true;
  /** `:LENGTH` may follow. */
  readonly mayHaveLength?: true;
  readonly example: string;
  /** What is wrong with an argument that is not empty. */
  problem?(argument: string): string | undefined;
}

/** Of a header's name; `:path` and the like begin with a colon. */
const HEADER = /^(?::?[!#$%&'*+.^_`|~0-9A-Za-z-]+)?$/;

function headersProblem(argument: string): string | undefined {
  const names = argument.split('?');
  if (names.length > 2) return 'one alternative may follow after a ?, not more';
  const bad = names.find((name) => !HEADER.test(name));
  return bad === undefined ? undefined : `${JSON.stringify(bad)} is not the name of a header`;
}

/** `FIRST:SECOND` where each is one of a few words; what is left out is the default. */
const wordsOf = (...places: readonly (readonly string[])[]) => (argument: string): string | undefined => {
  const words = argument.split(':');
  if (words.length > places.length) return `may have ${places.length} ${places.length === 1 ? 'word' : 'words'}, this one has ${words.length}`;
  const at = words.findIndex((word, i) => word !== '' && !places[i]?.includes(word));
  return at < 0 ? undefined : `${JSON.stringify(words[at])} is none of ${places[at]?.join(', ')}`;
};

const METADATA_OF = ['CLUSTER', 'DYNAMIC', 'LISTENER', 'LISTENER_FILTER_CHAIN', 'ROUTE', 'UPSTREAM_HOST', 'VIRTUAL_HOST'];

function metadataProblem(argument: string): string | undefined {
  const [whose = ''] = argument.split(':');
  return METADATA_OF.includes(whose) ? undefined : `${JSON.stringify(whose)} is none of ${METADATA_OF.join(', ')}`;
}

function filterStateProblem(argument: string): string | undefined {
  const [key, how, field, ...more] = argument.split(':');
  if (key === '') return 'the key must not be empty';
  if (how !== undefined && !['PLAIN', 'TYPED', 'FIELD'].includes(how)) return `${JSON.stringify(how)} is none of PLAIN, TYPED, FIELD`;
  if (how === 'FIELD' ? field === undefined || field === '' || more.length > 0 : field !== undefined) return 'FIELD, and only FIELD, is followed by the name of a field';
  return undefined;
}

const PRECISIONS = ['ms', 'us', 'ns'];

function durationProblem(argument: string): string | undefined {
  const [begin, end, precision, ...more] = argument.split(':');
  if (begin === undefined || end === undefined || more.length > 0) return 'must be the beginning, the end, and ms, us or ns';
  return precision === undefined || PRECISIONS.includes(precision) ? undefined : `${JSON.stringify(precision)} is none of ${PRECISIONS.join(', ')}`;
}

const timeProblem = (argument: string): string | undefined => (argument.includes('%n') ? '%n is a line break, which a format must not have' : undefined);

function coalesceProblem(argument: string): string | undefined {
  try {
    const value: unknown = JSON.parse(argument);
    return typeof value === 'object' && value !== null && 'operators' in value && Array.isArray(value.operators) && value.operators.length > 0 ? undefined : 'must have a list of operators';
  } catch {
    return 'must be JSON';
  }
}

const TIME: ArgumentRule = { example: '%Y-%m-%dT%H:%M:%S%z', problem: timeProblem };
const ADDRESS: ArgumentRule = { example: '24' };
const HEADERS: ArgumentRule = { isRequired: true, mayHaveLength: true, example: 'X-NAME?X-OTHER', problem: headersProblem };
const METADATA: ArgumentRule = { isRequired: true, example: 'NAMESPACE:KEY' };
const FILTER_STATE: ArgumentRule = { isRequired: true, mayHaveLength: true, example: 'KEY:PLAIN', problem: filterStateProblem };
const SOURCES = ['ORIG', 'PATH', 'ORIG_OR_PATH'];

/** By operator; who is not here takes neither argument nor length. */
export const ARGUMENTS: ReadonlyMap<string, ArgumentRule> = new Map<string, ArgumentRule>([
  ...['EMIT_TIME', 'EMIT_TIME_LOCAL', 'START_TIME', 'START_TIME_LOCAL', 'DOWNSTREAM_PEER_CERT_V_END', 'DOWNSTREAM_PEER_CERT_V_START', 'UPSTREAM_PEER_CERT_V_END', 'UPSTREAM_PEER_CERT_V_START'].map((name) => [name, TIME] as const),
  ...['DOWNSTREAM_DIRECT_LOCAL', 'DOWNSTREAM_DIRECT_REMOTE', 'DOWNSTREAM_LOCAL', 'DOWNSTREAM_REMOTE', 'UPSTREAM_LOCAL', 'UPSTREAM_REMOTE'].map((whose) => [`${whose}_ADDRESS_WITHOUT_PORT`, ADDRESS] as const),
  ...['REQ', 'REQUEST_HEADER', 'REQ_WITHOUT_QUERY', 'RESP', 'RESPONSE_HEADER', 'RESPONSE_TRAILER', 'TRAILER'].map((name) => [name, HEADERS] as const),
  ...['CLUSTER_METADATA', 'UPSTREAM_METADATA'].map((name) => [name, METADATA] as const),
  ['DYNAMIC_METADATA', { ...METADATA, mayHaveLength: true }],
  ['METADATA', { ...METADATA, mayHaveLength: true, example: 'ROUTE:NAMESPACE:KEY', problem: metadataProblem }],
  ['FILTER_STATE', FILTER_STATE],
  ['UPSTREAM_FILTER_STATE', FILTER_STATE],
  ['COMMON_DURATION', { isRequired: true, example: 'DS_RX_BEG:DS_RX_END:ms', problem: durationProblem }],
  ['ENVIRONMENT', { isRequired: true, mayHaveLength: true, example: 'NAME' }],
  ['QUERY_PARAM', { isRequired: true, mayHaveLength: true, example: 'NAME' }],
  ['CEL', { isRequired: true, mayHaveLength: true, example: 'request.path' }],
  ['COALESCE', { isRequired: true, mayHaveLength: true, example: '{"operators": ["PROTOCOL"]}', problem: coalesceProblem }],
  ['RESPONSE_CODE_DETAILS', { example: 'ALLOW_WHITESPACES' }],
  ['PATH', { mayHaveLength: true, example: 'NQ:ORIG', problem: wordsOf(['WQ', 'NQ'], SOURCES) }],
  ['QUERY_PARAMS', { mayHaveLength: true, example: 'ORIG', problem: wordsOf(['ORIG', 'DECODED']) }],
  ['GRPC_STATUS', { example: 'SNAKE_STRING', problem: wordsOf(['CAMEL_STRING', 'SNAKE_STRING', 'NUMBER']) }],
  ['REQUESTED_SERVER_NAME', { example: 'SNI_FIRST', problem: wordsOf(['SNI_ONLY', 'SNI_FIRST', 'HOST_FIRST'], ['ORIG_OR_HOST', 'HOST', 'ORIG']) }],
]);
