/** The authority's counters, under the names that Istio's dashboards graph. */
export const CaCounter = {
  Csr: 'citadel_server_csr_count',
  Issued: 'citadel_server_success_cert_issuance_count',
  ParseError: 'citadel_server_csr_parsing_err_count',
  SignError: 'citadel_server_csr_sign_err_count',
  IdentityError: 'citadel_server_id_extraction_err_count',
  AuthenticationFailure: 'citadel_server_authentication_failure_count',
} as const;
export type CaCounter = (typeof CaCounter)[keyof typeof CaCounter];

const HELP: Readonly<Record<CaCounter, string>> = {
  [CaCounter.Csr]: 'The number of CSRs received by the certificate authority.',
  [CaCounter.Issued]: 'The number of certificates issued.',
  [CaCounter.ParseError]: 'The number of CSRs that could not be parsed.',
  [CaCounter.SignError]: 'The number of errors while signing a CSR.',
  [CaCounter.IdentityError]: 'The number of CSRs whose identity is not that of the caller.',
  [CaCounter.AuthenticationFailure]: 'The number of callers that could not be authenticated.',
};

export interface CaMetrics {
  count(counter: CaCounter): void;
  /** Prometheus text. */
  expose(): string;
}

/** @param expiry of the root and of the signing certificate, ms since the epoch */
export function createCaMetrics(expiry: { rootMs: number; chainMs: number }): CaMetrics {
  const values = new Map<CaCounter, number>(Object.values(CaCounter).map((name) => [name, 0]));
  const gauges = [
    ['citadel_server_root_cert_expiry_timestamp', 'When the root certificate ends, in seconds since the epoch.', expiry.rootMs],
    ['citadel_server_cert_chain_expiry_timestamp', 'When the signing certificate ends, in seconds since the epoch.', expiry.chainMs],
  ] as const;
  return {
    count: (counter) => void values.set(counter, (values.get(counter) ?? 0) + 1),
    expose: () =>
      [...values].map(([name, value]) => `# HELP ${name} ${HELP[name]}\n# TYPE ${name} counter\n${name} ${value}\n`).join('') +
      gauges.map(([name, help, ms]) => `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name} ${Math.floor(ms / 1000)}\n`).join(''),
  };
}
