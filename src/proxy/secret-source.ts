/** Where the data path gets TLS material from, by SDS name. `default` and `ROOTCA` come from the workload's own CSR; all other names
 * arrive as SDS resources through `ProxyRuntime.apply` and are kept by the runtime itself. */
export interface CertificateSecret {
  readonly kind: 'certificate';
  /** PEM, leaf first. */
  readonly certificateChainPem: string;
  /** PEM, PKCS#8 or SEC1. */
  readonly keyPem: string;
}

export interface TrustSecret {
  readonly kind: 'trust';
  /** PEM bundle of the roots that are trusted. */
  readonly trustedCaPem: string;
  /** Revocation lists that came with them. */
  readonly crlPem?: string;
}

export interface CrlSecret {
  readonly kind: 'crl';
  /** PEM, one list or more. */
  readonly crlPem: string;
}

export type TlsSecret = CertificateSecret | TrustSecret | CrlSecret;

export interface SecretSource {
  /** Current material, or undefined while it is not there yet (listeners and clusters that need it answer with a TLS error meanwhile). */
  get(name: string): TlsSecret | undefined;
  /** Calls back whenever the material of a name changed. Returns the way to stop. Established connections are not touched. */
  onChange(listener: (name: string) => void): () => void;
}
