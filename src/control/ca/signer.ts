/** Decides about one certificate request and signs it. The names in the certificate come from the proven identity. */
import { errorText } from '../../base/errors.ts';
import { splitChain } from '../../pki/pem.ts';
import { parseCsr } from '../../pki/csr.ts';
import { formatIdentity } from '../../pki/spiffe.ts';
import type { WorkloadIdentity } from '../../pki/spiffe.ts';
import { CaCounter } from './metrics.ts';
import type { CaMetrics } from './metrics.ts';
import type { RootMaterial } from './root-secret.ts';
import type { CaSettings } from './settings.ts';

export type SignResult =
  | { readonly ok: true; /** PEM certificates, leaf first, root last. */ readonly chain: string[] }
  | { readonly ok: false; readonly cause: 'malformed' | 'foreign-identity' | 'lifetime' | 'internal'; readonly reason: string };

export interface SignRequest {
  readonly csrPem: string;
  /** Zero or less: the default. */
  readonly lifetimeMs: number;
  readonly identity: WorkloadIdentity;
}

interface SignerDeps {
  readonly root: RootMaterial;
  readonly settings: Pick<CaSettings, 'defaultLifetimeMs' | 'maxLifetimeMs'>;
  readonly metrics: CaMetrics;
}

export function signWorkload(request: SignRequest, deps: SignerDeps): SignResult {
  const { root, settings, metrics } = deps;
  const parsed = parseCsr(request.csrPem);
  if (!parsed.ok) {
    metrics.count(CaCounter.ParseError);
    return { ok: false, cause: 'malformed', reason: `certificate request refused: ${parsed.reason}` };
  }
  const uri = formatIdentity(request.identity);
  const foreign = parsed.csr.sans.uri.find((asked) => asked !== uri);
  if (foreign !== undefined) {
    metrics.count(CaCounter.IdentityError);
    return { ok: false, cause: 'foreign-identity', reason: `the request asks for ${foreign}, but the caller is ${uri}` };
  }
  const lifetimeMs = request.lifetimeMs > 0 ? request.lifetimeMs : settings.defaultLifetimeMs;
  if (lifetimeMs > settings.maxLifetimeMs) {
    metrics.count(CaCounter.SignError);
    return { ok: false, cause: 'lifetime', reason: `a lifetime of ${lifetimeMs / 1000}s is longer than the ${settings.maxLifetimeMs / 1000}s allowed` };
  }
  try {
    const leaf = root.authority.sign(request.csrPem, { sans: { uri: [uri] }, lifetimeMs, usages: ['server', 'client'] });
    metrics.count(CaCounter.Issued);
    return { ok: true, chain: [leaf, ...root.intermediates, ...splitChain(root.rootPem)] };
  } catch (error) {
    metrics.count(CaCounter.SignError);
    return { ok: false, cause: 'internal', reason: errorText(error) };
  }
}
