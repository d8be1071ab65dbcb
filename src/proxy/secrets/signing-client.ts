/** Has the control plane sign a key that never leaves this process. Istio: IstioCertificateService/CreateCertificate. */
import { readFileSync } from 'node:fs';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { systemClock } from '../../base/clock.ts';
import { MeshError } from '../../base/errors.ts';
import { createCsr } from '../../pki/csr.ts';
import { formatIdentity } from '../../pki/spiffe.ts';
import type { WorkloadIdentity } from '../../pki/spiffe.ts';
import { createGrpcChannel } from '../../xds/client/grpc-channel.ts';
import { nested, text, writeStruct } from '../../xds/client/wire-struct.ts';
import type { ServerAddress } from '../bootstrap/settings.ts';
import { chooseCredentials } from './credentials.ts';

const PATH = '/istio.v1.auth.IstioCertificateService/CreateCertificate';
const CALL_TIMEOUT_MS = 10_000;

export class SigningError extends MeshError<'WORKLOAD_CERTIFICATE'> {}

export interface SignedWorkload {
  /** Leaf first, without the root. */
  readonly certificateChainPem: string;
  readonly keyPem: string;
  /** Roots that the authority named. */
  readonly rootPem: string;
}

export interface SigningClientOptions {
  readonly address: ServerAddress;
  readonly identity: WorkloadIdentity;
  readonly clusterId: string;
  readonly lifetimeMs: number;
  /** Read for every request: both are replaced while the pod lives. */
  readonly tokenFile: string;
  readonly rootCertificateFile: string;
  /** Renewed by itself when the token has run out. */
  readonly held?: SignedWorkload;
}

/** @throws SigningError, GrpcError */
export async function requestCertificate(options: SigningClientOptions): Promise<SignedWorkload> {
  const { held } = options;
  const token = readToken(options);
  const mountedRoot = readMounted(options.rootCertificateFile, 'the root certificate');
  const { csrPem, keyPem } = createCsr({ sans: { uri: [formatIdentity(options.identity)] } });
  const shown = chooseCredentials(token.trim(), held, systemClock.now());
  const certificate = shown && 'certificate' in shown ? shown.certificate : undefined;
  const authorization: Record<string, string> = shown && 'token' in shown ? { authorization: `Bearer ${shown.token}` } : {};
  const channel = createGrpcChannel({ ...options.address, tls: { trustedCaPem: mountedRoot, serverName: options.address.host, client: certificate } });
  try {
    const message = encodeRequest(csrPem, options);
    const answer = await channel.unary(PATH, { ...authorization, clusterid: options.clusterId }, { message, timeoutMs: CALL_TIMEOUT_MS });
    const chain = decodeChain(answer).map((pem) => `${pem.trim()}\n`);
    const root = chain.at(-1);
    if (chain.length < 2 || root === undefined) throw new SigningError('WORKLOAD_CERTIFICATE', `the authority answered with ${chain.length} certificates; expected the leaf, …, the root`);
    return { certificateChainPem: chain.slice(0, -1).join(''), keyPem, rootPem: mergeRoots(root, mountedRoot) };
  } finally {
    channel.close();
  }
}

/** istio.v1.auth.IstioCertificateRequest; field numbers: proto/istio/ca.proto. Written by hand: see wire-struct.ts. */
function encodeRequest(csrPem: string, options: SigningClientOptions): Uint8Array {
  const writer = new BinaryWriter();
  text(writer, 1, csrPem);
  writer.tag(3, WireType.Varint).int64(Math.round(options.lifetimeMs / 1000));
  nested(writer, 4, () => writeStruct(writer, { ClusterID: options.clusterId }));
  return writer.finish();
}

/** The `cert_chain` of an istio.v1.auth.IstioCertificateResponse. */
function decodeChain(bytes: Uint8Array): string[] {
  const chain: string[] = [];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited) chain.push(reader.string());
    else reader.skip(wireType, field);
  }
  return chain;
}

/** While the root is being changed, the authority's and the mounted one differ: both are trusted. */
function mergeRoots(answered: string, mounted: string): string {
  const extra = mounted.trim();
  return extra.includes(answered.trim()) ? `${extra}\n` : `${answered.trim()}\n${extra}\n`;
}

/** Whoever has a certificate can do without a token. */
function readToken({ tokenFile, held }: SigningClientOptions): string {
  try {
    return readMounted(tokenFile, 'the service account token');
  } catch (error) {
    if (held) return '';
    throw error;
  }
}

function readMounted(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SigningError('WORKLOAD_CERTIFICATE', `cannot read ${what} at ${path}; is the volume mounted?`, { cause });
  }
}
