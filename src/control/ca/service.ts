/** The signing service on the wire: `istio.v1.auth.IstioCertificateService` for a grpc-js server. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { status as Code } from '@grpc/grpc-js';
import type { Metadata, ServerUnaryCall, ServiceDefinition, handleUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import type { Clock } from '../../base/clock.ts';
import { systemClock } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { formatIdentity } from '../../pki/spiffe.ts';
import { IstioCertificateRequestSchema, IstioCertificateResponseSchema } from '../../xds/generated/istio/ca_pb.js';
import type { IstioCertificateRequest, IstioCertificateResponse } from '../../xds/generated/istio/ca_pb.js';
import { identifyCertificate } from './caller.ts';
import type { CallerResult } from './caller.ts';
import { CaCounter } from './metrics.ts';
import type { CaMetrics } from './metrics.ts';
import { createRateLimit } from './rate-limit.ts';
import type { RootMaterial } from './root-secret.ts';
import type { CaSettings } from './settings.ts';
import { signWorkload } from './signer.ts';
import type { SignResult } from './signer.ts';

export interface CaServiceDeps {
  readonly root: RootMaterial;
  readonly settings: Pick<CaSettings, 'defaultLifetimeMs' | 'maxLifetimeMs' | 'trustDomain'>;
  /** From createTokenReviewer. */
  readonly reviewToken: (token: string) => Promise<CallerResult>;
  readonly metrics: CaMetrics;
  readonly log: Log;
  readonly clock?: Clock;
}

export interface CaService {
  readonly definition: ServiceDefinition<{ CreateCertificate: handleUnaryCall<IstioCertificateRequest, IstioCertificateResponse> }>;
  readonly implementation: { CreateCertificate: handleUnaryCall<IstioCertificateRequest, IstioCertificateResponse> };
}

const CODE_OF: Readonly<Record<Extract<SignResult, { ok: false }>['cause'], Code>> = {
  'malformed': Code.INVALID_ARGUMENT,
  'foreign-identity': Code.PERMISSION_DENIED,
  'lifetime': Code.INVALID_ARGUMENT,
  'internal': Code.INTERNAL,
};
/** Requests whose token is being reviewed at the same time; more are told to come back. */
const MAX_IN_FLIGHT = 256;

/** `definition` and `implementation` go to `Server.addService`. */
export function createCaService(deps: CaServiceDeps): CaService {
  const limit = createRateLimit({ perSecond: 50, burst: 500, clock: deps.clock ?? systemClock });
  let inFlight = 0;
  const answer = async (call: ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>, reply: sendUnaryData<IstioCertificateResponse>) => {
    deps.metrics.count(CaCounter.Csr);
    const caller = await identify(call, deps);
    if (!caller.ok) {
      deps.metrics.count(CaCounter.AuthenticationFailure);
      deps.log.warn('certificate request from an unknown caller', { peer: call.getPeer(), reason: caller.reason });
      return reply({ code: caller.unavailable ? Code.UNAVAILABLE : Code.UNAUTHENTICATED, details: caller.reason });
    }
    const uri = formatIdentity(caller.identity);
    if (!limit.allow(uri)) return reply({ code: Code.RESOURCE_EXHAUSTED, details: `too many certificate requests from ${uri}; try again later` });
    const result = signWorkload({ csrPem: call.request.csr, lifetimeMs: Number(call.request.validityDuration) * 1000, identity: caller.identity }, deps);
    if (!result.ok) {
      deps.log.warn('certificate request refused', { identity: uri, reason: result.reason });
      return reply({ code: CODE_OF[result.cause], details: result.reason });
    }
    deps.log.debug('certificate issued', { identity: uri });
    return reply(null, create(IstioCertificateResponseSchema, { certChain: result.chain }));
  };
  const CreateCertificate: handleUnaryCall<IstioCertificateRequest, IstioCertificateResponse> = (call, reply) => {
    if (inFlight >= MAX_IN_FLIGHT) return reply({ code: Code.RESOURCE_EXHAUSTED, details: 'the authority is busy; try again later' });
    inFlight += 1;
    answer(call, reply)
      .catch((error: unknown) => reply({ code: Code.INTERNAL, details: errorText(error) }))
      .finally(() => void (inFlight -= 1));
  };
  return { definition: DEFINITION, implementation: { CreateCertificate } };
}

const DEFINITION: CaService['definition'] = {
  CreateCertificate: {
    path: '/istio.v1.auth.IstioCertificateService/CreateCertificate',
    requestStream: false,
    responseStream: false,
    requestSerialize: (message) => Buffer.from(toBinary(IstioCertificateRequestSchema, message)),
    requestDeserialize: (bytes) => fromBinary(IstioCertificateRequestSchema, bytes),
    responseSerialize: (message) => Buffer.from(toBinary(IstioCertificateResponseSchema, message)),
    responseDeserialize: (bytes) => fromBinary(IstioCertificateResponseSchema, bytes),
  },
};

/** The token is asked first, as Istio's authenticator chain does; a certificate alone is enough for a renewal. */
function identify(call: ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>, deps: CaServiceDeps): Promise<CallerResult> {
  const token = bearerToken(call.metadata);
  if (token !== undefined) return deps.reviewToken(token);
  const der = call.getAuthContext().sslPeerCertificate?.raw;
  if (!der) return Promise.resolve({ ok: false, reason: 'no bearer token and no client certificate' });
  const check = { issuers: [deps.root.authority.certificatePem], trustDomain: deps.settings.trustDomain, clock: deps.clock ?? systemClock };
  return Promise.resolve(identifyCertificate(der, check));
}

/** The token of `authorization: Bearer …`, for this service and for the xDS server. */
export function bearerToken(metadata: Metadata): string | undefined {
  for (const value of metadata.get('authorization')) {
    const match = /^bearer (.+)$/i.exec(String(value));
    if (match) return match[1];
  }
  return undefined;
}
