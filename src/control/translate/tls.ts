import { create, type MessageShape } from '@bufbuild/protobuf';
import type { ClientTls } from '../../api/common/traffic-policy.ts';
import { knownCurves, knownSuites } from '../../api/common/tls-names.ts';
import type { ServerTls } from '../../api/common/server-tls.ts';
import type { MeshConfig } from '../../api/mesh-config.ts';
import { parseAddress } from '../../base/cidr.ts';
import { ApiConfigSource_ApiType, ApiVersion, ConfigSourceSchema } from '../../xds/generated/envoy/config/core/v3/config_source_pb.js';
import type { TransportSocketSchema } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import { RawBufferSchema } from '../../xds/generated/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import { SubjectAltNameMatcher_SanType, TlsParameters_TlsProtocol, type CertificateValidationContextSchema, CertificateValidationContext_TrustChainVerification } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import type { SdsSecretConfigSchema } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { DownstreamTlsContextSchema, UpstreamTlsContextSchema, type CommonTlsContextSchema } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { durationMs, pack, ZERO_DURATION, type Init } from './message.ts';

export type TransportSocketInit = Init<typeof TransportSocketSchema>;
type SdsInit = Init<typeof SdsSecretConfigSchema>;
type CommonInit = Init<typeof CommonTlsContextSchema>;
type ValidationInit = Init<typeof CertificateValidationContextSchema>;

/** Protocols by which a mesh client tells a server that it speaks mutual TLS, and what is inside. */
export const Alpn = {
  /** Anything, by a mesh client. */
  mesh: ['istio-peer-exchange', 'istio', 'istio-http/1.0', 'istio-http/1.1', 'istio-h2'],
  meshHttp: ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'],
  meshTcp: ['istio-peer-exchange', 'istio'],
  plainHttp: ['http/1.0', 'http/1.1', 'h2c'],
} as const;

/** What travels over a connection: decides which protocols the client offers. */
export type Payload = 'http1' | 'http2' | 'tcp';

/** In a cluster's metadata: what travels over its connections is known request by request only. */
export const DETECTED = 'detected';

export const OFFER: Readonly<Record<Payload, readonly string[]>> = {
  http1: ['istio-http/1.1', 'istio', 'http/1.1'],
  http2: ['istio-h2', 'istio', 'h2'],
  tcp: ['istio-peer-exchange', 'istio'],
};

/** What the agent beside the proxy knows: the workload's own certificate, the mesh's roots, and files. Files come by name too, so that
 * one that is missing, or is replaced, concerns the connections that need it and nothing else. Istio: security.SdsCertificateConfig. */
type AgentSecret = 'default' | 'ROOTCA' | `file-cert:${string}~${string}` | `file-root:${string}`;

/** So long a proxy waits for what may never come, a file or a credential of somebody else's, before it takes up its other work. */
const PATIENCE = durationMs(5000);

export const agentSecret = (name: AgentSecret): SdsInit => ({
  name,
  sdsConfig: {
    resourceApiVersion: ApiVersion.V3,
    initialFetchTimeout: name.startsWith('file-') ? PATIENCE : ZERO_DURATION,
    configSourceSpecifier: {
      case: 'apiConfigSource',
      value: {
        apiType: ApiConfigSource_ApiType.GRPC,
        transportApiVersion: ApiVersion.V3,
        setNodeOnFirstMessageOnly: true,
        grpcServices: [{ targetSpecifier: { case: 'envoyGrpc', value: { clusterName: 'sds-grpc' } } }],
      },
    },
  },
});

/** A client's credential. */
const credential = (name: string): SdsInit => ({ name, sdsConfig: { ...adsSource(), initialFetchTimeout: PATIENCE } });

/** A secret that the control plane serves. */
export const servedSecret = (name: string): SdsInit => ({ name, sdsConfig: adsSource() });

export const adsSource = (): MessageShape<typeof ConfigSourceSchema> =>
  create(ConfigSourceSchema, { resourceApiVersion: ApiVersion.V3, initialFetchTimeout: ZERO_DURATION, configSourceSpecifier: { case: 'ads', value: {} } });

export const plaintextSocket = (): TransportSocketInit => ({
  name: 'envoy.transport_sockets.raw_buffer',
  configType: { case: 'typedConfig', value: pack(RawBufferSchema) },
});

const sans = (names: readonly string[]): ValidationInit => ({
  matchTypedSubjectAltNames: names.map((name) => ({ sanType: sanType(name), matcher: { matchPattern: { case: 'exact', value: name } } })),
});

function sanType(name: string): SubjectAltNameMatcher_SanType {
  if (name.includes('://')) return SubjectAltNameMatcher_SanType.URI;
  if (parseAddress(name) !== undefined) return SubjectAltNameMatcher_SanType.IP_ADDRESS;
  return name.includes('@') ? SubjectAltNameMatcher_SanType.EMAIL : SubjectAltNameMatcher_SanType.DNS;
}

/** Istio's versions. As a client Envoy would stop at 1.2 by itself. */
const VERSIONS_SPOKEN = { tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2, tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3 };

const meshContext = (alpn: readonly string[], names: readonly string[]): CommonInit => ({
  alpnProtocols: [...alpn],
  tlsParams: VERSIONS_SPOKEN,
  tlsCertificateSdsSecretConfigs: [agentSecret('default')],
  validationContextType: {
    case: 'combinedValidationContext',
    value: { defaultValidationContext: sans(names), validationContextSdsSecretConfig: agentSecret('ROOTCA') },
  },
});

/** Mutual TLS towards a workload of the mesh.
 * @param options.identities SPIFFE URIs of which the server must have one; empty: any of the trust roots */
export function meshClientSocket(options: { sni: string; payload: Payload; identities: readonly string[] }): TransportSocketInit {
  const context = meshContext(OFFER[options.payload], options.identities);
  return {
    name: 'envoy.transport_sockets.tls',
    configType: { case: 'typedConfig', value: pack(UpstreamTlsContextSchema, { sni: options.sni, commonTlsContext: context }) },
  };
}

/** Mutual TLS from a workload of the mesh. @param mesh its `meshMTLS` says which version of TLS is the least */
export function meshServerSocket(kind: 'http' | 'tcp', { meshMTLS }: Pick<MeshConfig, 'meshMTLS'>): TransportSocketInit {
  const alpn = kind === 'http' ? ['h2', 'http/1.1'] : ['istio-peer-exchange', 'h2', 'http/1.1'];
  const tlsMinimumProtocolVersion = meshMTLS?.minProtocolVersion === 'TLSV1_3' ? TlsParameters_TlsProtocol.TLSv1_3 : VERSIONS_SPOKEN.tlsMinimumProtocolVersion;
  const context = { ...meshContext(alpn, []), tlsParams: { ...VERSIONS_SPOKEN, tlsMinimumProtocolVersion } };
  return {
    name: 'envoy.transport_sockets.tls',
    configType: { case: 'typedConfig', value: pack(DownstreamTlsContextSchema, { requireClientCertificate: true, commonTlsContext: context }) },
  };
}

export interface Origination {
  readonly host: string;
  readonly isHttp2: boolean;
  /** Of the service, where the policy names none. */
  readonly subjectAltNames: readonly string[];
  /** The mesh's for connections that leave it. */
  readonly defaults?: MeshConfig['tlsDefaults'];
}

/** TLS that a DestinationRule asks for: SIMPLE or MUTUAL, with files of the proxy or a credential. */
export function originatedSocket(tls: ClientTls, options: Origination): TransportSocketInit {
  const { defaults } = options;
  const sni = tls.sni || (options.host.startsWith('*') ? '' : options.host);
  const names = tls.subjectAltNames && tls.subjectAltNames.length > 0 ? tls.subjectAltNames : options.subjectAltNames;
  const common: CommonInit = {
    alpnProtocols: options.isHttp2 ? ['h2'] : [],
    tlsParams: { ...VERSIONS_SPOKEN, ecdhCurves: knownCurves(defaults?.ecdhCurves), cipherSuites: knownSuites(defaults?.cipherSuites) },
    ...clientCertificate(tls),
    ...serverTrust(tls, names),
  };
  return {
    name: 'envoy.transport_sockets.tls',
    configType: { case: 'typedConfig', value: pack(UpstreamTlsContextSchema, { sni, commonTlsContext: common }) },
  };
}

/** A credential or files; a policy that has come to have neither gets none, and the server refuses. */
function clientCertificate(tls: ClientTls): CommonInit {
  if (tls.mode !== 'MUTUAL') return {};
  if (tls.credentialName) return { tlsCertificateSdsSecretConfigs: [credential(credentialSecret(tls.credentialName))] };
  if (!tls.clientCertificate || !tls.privateKey) return {};
  return { tlsCertificateSdsSecretConfigs: [agentSecret(`file-cert:${tls.clientCertificate}~${tls.privateKey}`)] };
}

function serverTrust(tls: ClientTls, names: readonly string[]): CommonInit {
  if (tls.insecureSkipVerify === true) return {};
  const pins: ValidationInit = { ...sans(names), ...(tls.caCrl ? { crl: file(tls.caCrl) } : {}) };
  // Without roots of its own the system's decide.
  const secret = tls.credentialName ? credential(credentialCa(tls.credentialName)) : agentSecret(`file-root:${tls.caCertificates || 'system'}`);
  return { validationContextType: { case: 'combinedValidationContext', value: { defaultValidationContext: pins, validationContextSdsSecretConfig: secret } } };
}

const file = (path: string) => ({ specifier: { case: 'filename' as const, value: path } });

/** SDS names of a gateway's credentials. Istio: `kubernetes://NAME` and `kubernetes://NAME-cacert`. */
export const credentialSecret = (name: string): string => (name.includes('://') ? name : `kubernetes://${name}`);
export const credentialCa = (name: string): string => `${credentialSecret(name)}-cacert`;

const VERSIONS: Readonly<Record<string, TlsParameters_TlsProtocol>> = {
  TLS_AUTO: TlsParameters_TlsProtocol.TLS_AUTO, TLSV1_0: TlsParameters_TlsProtocol.TLSv1_0, TLSV1_1: TlsParameters_TlsProtocol.TLSv1_1,
  TLSV1_2: TlsParameters_TlsProtocol.TLSv1_2, TLSV1_3: TlsParameters_TlsProtocol.TLSv1_3,
};

/** TLS that a gateway terminates. Undefined for modes that do not terminate. */
export function edgeServerSocket(tls: ServerTls, kind: 'http' | 'tcp', mesh: Pick<MeshConfig, 'meshMTLS'>): TransportSocketInit | undefined {
  const mode = tls.mode ?? 'PASSTHROUGH';
  if (mode === 'PASSTHROUGH' || mode === 'AUTO_PASSTHROUGH') return undefined;
  const alpn = kind === 'http' ? ['h2', 'http/1.1'] : [];
  if (mode === 'ISTIO_MUTUAL') return meshServerSocket(kind, mesh);
  const common: CommonInit = {
    alpnProtocols: alpn,
    tlsParams: {
      tlsMinimumProtocolVersion: VERSIONS[tls.minProtocolVersion ?? 'TLSV1_2'] ?? TlsParameters_TlsProtocol.TLSv1_2,
      tlsMaximumProtocolVersion: VERSIONS[tls.maxProtocolVersion ?? 'TLS_AUTO'] ?? TlsParameters_TlsProtocol.TLS_AUTO,
      cipherSuites: knownSuites(tls.cipherSuites),
      ecdhCurves: knownCurves(tls.ecdhCurves),
    },
    ...serverCertificates(tls),
    ...clientTrust(tls),
  };
  const requireClientCertificate = mode === 'MUTUAL' ? { requireClientCertificate: true } : {};
  return {
    name: 'envoy.transport_sockets.tls',
    configType: { case: 'typedConfig', value: pack(DownstreamTlsContextSchema, { commonTlsContext: common, ...requireClientCertificate }) },
  };
}

function serverCertificates(tls: ServerTls): CommonInit {
  const names = tls.credentialNames ?? (tls.credentialName ? [tls.credentialName] : []);
  if (names.length > 0) return { tlsCertificateSdsSecretConfigs: names.map((name) => servedSecret(credentialSecret(name))) };
  const files = tls.tlsCertificates ?? [{ serverCertificate: tls.serverCertificate, privateKey: tls.privateKey }];
  return { tlsCertificateSdsSecretConfigs: files.map((f) => agentSecret(`file-cert:${f.serverCertificate}~${f.privateKey}`)) };
}

function clientTrust(tls: ServerTls): CommonInit {
  if (tls.mode !== 'MUTUAL' && tls.mode !== 'OPTIONAL_MUTUAL') return {};
  const pins: ValidationInit = {
    ...sans(tls.subjectAltNames ?? []), verifyCertificateHash: tls.verifyCertificateHash ?? [], verifyCertificateSpki: tls.verifyCertificateSpki ?? [],
    ...(tls.caCrl ? { crl: file(tls.caCrl) } : {}),
    ...(tls.insecureSkipVerify === true ? { trustChainVerification: CertificateValidationContext_TrustChainVerification.ACCEPT_UNTRUSTED } : {}),
  };
  const name = tls.caCertCredentialName ?? tls.credentialName ?? tls.credentialNames?.[0];
  if (name) {
    const secret = servedSecret(tls.caCertCredentialName ? credentialSecret(name) : credentialCa(name));
    return { validationContextType: { case: 'combinedValidationContext', value: { defaultValidationContext: pins, validationContextSdsSecretConfig: secret } } };
  }
  const roots = tls.caCertificates ?? tls.tlsCertificates?.find((pair) => pair.caCertificates)?.caCertificates ?? '';
  return { validationContextType: { case: 'combinedValidationContext', value: { defaultValidationContext: pins, validationContextSdsSecretConfig: agentSecret(`file-root:${roots}`) } } };
}
