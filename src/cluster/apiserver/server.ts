/** The API server: storage, kinds, admission, access and HTTP put together. */
import { systemClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import type { AdmissionChain, UserInfo } from './admission.ts';
import { createAuthenticator } from './auth/authenticate.ts';
import { allowEverything, createRbac } from './auth/rbac.ts';
import { createTokenIssuer } from './auth/tokens.ts';
import { createLocalClient } from './client.ts';
import { CelRules } from './crd/cel.ts';
import { DEFINITIONS, definitionHooks, definitionStrategy } from './crd/definitions.ts';
import { createOpenapi } from './discovery/openapi.ts';
import { createDocuments } from './http/documents.ts';
import { createHandler } from './http/handler.ts';
import { createLocalRaw } from './http/local-raw.ts';
import { builtinKinds } from './kinds/builtin.ts';
import { KindRegistry } from './kinds/registry.ts';
import { builtinStrategies } from './kinds/strategies.ts';
import type { ApiServer, ApiServerOptions } from './options.ts';
import type { PodStreams } from './pod-streams.ts';
import type { ApiDeps, VirtualCreate } from './rest/api.ts';
import { SYSTEM_USER } from './rest/caller.ts';
import type { WriteHooks } from './rest/deps.ts';
import { serviceAllocation } from './rest/service-allocation.ts';
import { virtualCreates } from './rest/virtual.ts';
import { openJournal } from './storage/journal.ts';
import { Store } from './storage/store.ts';
import { createStreams } from './streams/streams.ts';

export type { ApiServer, ApiServerOptions } from './options.ts';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';

/** @throws StorageError when the data file cannot be opened */
export function createApiServer(options: ApiServerOptions = {}): ApiServer {
  const { clock = systemClock, log = silentLog } = options;
  const store = new Store(openJournal(options.dataFile ?? ':memory:'));
  const strategies = builtinStrategies();
  strategies.set(DEFINITIONS, { ...strategies.get(DEFINITIONS), ...definitionStrategy(() => api) });
  const kinds = new KindRegistry(builtinKinds(strategies));
  const tokens = createTokenIssuer({ keyPem: options.serviceAccountKeyPem, issuer: options.issuer ?? ISSUER });
  const authorizer = options.allowAll ? allowEverything : createRbac(store);
  const authenticator = createAuthenticator({ tokens, fixed: options.tokens ?? new Map(), store, now: () => clock.now() });
  const closing = new AbortController();
  let admission: AdmissionChain | undefined = options.admission;
  let podStreams: PodStreams | undefined = options.podStreams;

  const random = options.random ?? Math.random;
  const definitions = definitionHooks(() => api, new CelRules((rule, error) => log.warn('a CEL rule cannot be compiled and is not enforced', { rule, error })));
  const virtual = new Map<string, VirtualCreate>();
  const hooks = new Map<string, WriteHooks>([
    ['/services', serviceAllocation(store, { serviceCidr: options.serviceCidr ?? '10.96.0.0/12', nodePorts: options.nodePorts ?? { first: 30_000, last: 32_767 }, random })],
    [DEFINITIONS, definitions],
  ]);
  const api: ApiDeps = { store, kinds, clock, log, random, hooks, virtual, admission: () => admission };
  definitions.loadAll();
  for (const [key, create] of virtualCreates({ rest: api, tokens, authenticator, authorizer })) virtual.set(key, create);

  const streams = createStreams({ api, authenticator, authorizer, log, podStreams: () => podStreams, closed: closing.signal });
  const serveDocument = createDocuments({ kinds, tokens, openapi: createOpenapi(kinds) });
  const handle = createHandler({ api, authenticator, authorizer, log, closed: closing.signal, serveDocument, serveStream: streams.serve });
  const raw = createLocalRaw(serveDocument);
  const clientAs = (user: UserInfo, fieldManager = 'lateen') => createLocalClient(api, { user, fieldManager, raw, closed: closing.signal });

  return {
    client: clientAs(SYSTEM_USER),
    clientAs,
    handle,
    upgrade: streams.upgrade,
    setAdmission: (chain) => void (admission = chain),
    setPodStreams: (given) => void (podStreams = given),
    serviceAccountPublicKeyPem: tokens.publicKeyPem,
    async close() {
      closing.abort();
      await streams.close();
      store.close();
    },
  };
}
