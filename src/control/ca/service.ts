/** The signing service on the wire: `istio.v1.auth.IstioCertificateService`. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Clock } from '../../base/clock.ts';
import { systemClock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { unary, type GrpcFailure, type GrpcPeer, type GrpcService } from '../../grpc/call.ts';
import { GrpcCode } from '../../grpc/errors.ts';
import { formatIdentity } from '../../pki/spiffe.ts';
import { IstioCertificateRequestSchema, IstioCertificateResponseSchema } from '../../xds/generated/istio/ca_pb.js';
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

export const CREATE_CERTIFICATE = '/istio.v1.auth.IstioCertificateService/CreateCertificate';

const CODE_OF: Readonly<Record<Extract<SignResult, { ok: false }>['cause'], GrpcCode>> = {
  'malformed': GrpcCode.InvalidArgument,
  'foreign-identity': GrpcCode.PermissionDenied,
  'lifetime': GrpcCode.InvalidArgument,
  'internal': GrpcCode.Internal,
};
/** Requests whose token is being reviewed at the same time; more are told to come back. */
const MAX_IN_FLIGHT = 256;

export function createCaService(deps: CaServiceDeps): GrpcService {
  const limit = createRateLimit({ perSecond: 50, burst: 500, clock: deps.clock ?? systemClock });
  let inFlight = 0;
  const answer = async (request: Buffer, peer: GrpcPeer): Promise<Uint8Array | GrpcFailure> => {
    const { csr, validityDuration } = fromBinary(IstioCertificateRequestSchema, request);
    deps.metrics.count(CaCounter.Csr);
    const caller = await identify(peer, deps);
    if (!caller.ok) {
      deps.metrics.count(CaCounter.AuthenticationFailure);
      deps.log.warn('certificate request from an unknown caller', { peer: peer.address, reason: caller.reason });
      return { code: caller.unavailable ? GrpcCode.Unavailable : GrpcCode.Unauthenticated, details: caller.reason };
    }
    const uri = formatIdentity(caller.identity);
    if (!limit.allow(uri)) return { code: GrpcCode.ResourceExhausted, details: `too many certificate requests from ${uri}; try again later` };
    const result = signWorkload({ csrPem: csr, lifetimeMs: Number(validityDuration) * 1000, identity: caller.identity }, deps);
    if (!result.ok) {
      deps.log.warn('certificate request refused', { identity: uri, reason: result.reason });
      return { code: CODE_OF[result.cause], details: result.reason };
    }
    deps.log.debug('certificate issued', { identity: uri });
    return toBinary(IstioCertificateResponseSchema, create(IstioCertificateResponseSchema, { certChain: result.chain }));
  };
  const limited = async (request: Buffer, peer: GrpcPeer): Promise<Uint8Array | GrpcFailure> => {
    if (inFlight >= MAX_IN_FLIGHT) return { code: GrpcCode.ResourceExhausted, details: 'the authority is busy; try again later' };
    inFlight += 1;
    try {
      return await answer(request, peer);
    } finally {
      inFlight -= 1;
    }
  };
  return { [CREATE_CERTIFICATE]: unary(limited) };
}

/** The token is asked first, as Istio's authenticator chain does; a certificate alone is enough for a renewal. */
function identify(peer: GrpcPeer, deps: CaServiceDeps): Promise<CallerResult> {
  const token = bearerToken(peer);
  if (token !== undefined) return deps.reviewToken(token);
  const der = peer.certificate;
  if (!der) return Promise.resolve({ ok: false, reason: 'no bearer token and no client certificate' });
  const check = { issuers: [deps.root.authority.certificatePem], trustDomain: deps.settings.trustDomain, clock: deps.clock ?? systemClock };
  return Promise.resolve(identifyCertificate(der, check));
}

/** The token of `authorization: Bearer …`, for this service and for the xDS server. */
export const bearerToken = (peer: Pick<GrpcPeer, 'metadata'>): string | undefined => /^bearer (.+)$/i.exec(peer.metadata('authorization') ?? '')?.[1];
