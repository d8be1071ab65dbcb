/** Who the three proxies of a side are. Envoy and our proxy introduce themselves with the same words, so that the control plane
 * sends both the same. */
import { createAuthority, type Authority } from '../../../src/pki/authority.ts';
import { decodeSettings } from '../../../src/proxy/bootstrap/decode-settings.ts';
import type { ProxySettings } from '../../../src/proxy/bootstrap/settings.ts';
import type { WorkloadCertificate } from '../../../src/control/serve/testing/secret-service.ts';
import { ADDRESS, type Place } from './network.ts';

interface Identity {
  readonly role: 'sidecar' | 'router';
  readonly pod: string;
  readonly namespace: string;
  readonly account: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The pods themselves are in base-mesh.ts. */
export const IDENTITIES: Readonly<Record<Place, Identity>> = {
  client: { role: 'sidecar', pod: 'client', namespace: 'default', account: 'client', labels: { app: 'client', version: 'v1' } },
  server: { role: 'sidecar', pod: 'server', namespace: 'default', account: 'server', labels: { app: 'server', version: 'v1' } },
  gateway: { role: 'router', pod: 'gateway', namespace: 'istio-system', account: 'gateway', labels: { istio: 'ingressgateway', app: 'istio-ingressgateway' } },
};

/** The environment that the injection template gives to a proxy, and what our own adds for the lab. */
export function environmentOf(place: Place, home: string): Record<string, string> {
  const { pod, namespace, account } = IDENTITIES[place];
  return {
    PATH: process.env['PATH'] ?? '',
    POD_NAME: pod, POD_NAMESPACE: namespace, INSTANCE_IP: ADDRESS[place], SERVICE_ACCOUNT: account, ISTIO_META_WORKLOAD_NAME: pod,
    PROXY_CONFIG: JSON.stringify({ discoveryAddress: '127.0.0.1:15010' }),
    LATEEN_POD_INFO_DIR: home, LATEEN_DATA_DIR: home, LAB_HOME: home,
  };
}

export function settingsOf(place: Place, env: Readonly<Record<string, string | undefined>>): ProxySettings {
  const { role, labels } = IDENTITIES[place];
  return decodeSettings({ argv: ['proxy', role, '--log_output_level=default:warn'], env, labels: new Map(Object.entries(labels)), annotations: new Map() });
}

/** What stock Envoy says of itself, as far as our control plane reads it. */
export const STOCK_ENVOY = { userAgent: 'envoy', extensions: [] };

const HOUR_MS = 3_600_000;

/** Certificates of the lab's workloads, and of servers that its world plays. */
export class LabAuthority {
  readonly #authority: Authority = createAuthority({ commonName: 'lab root', lifetimeMs: 24 * HOUR_MS });

  get rootPem(): string {
    return this.#authority.certificatePem;
  }

  workload(identity: Pick<Identity, 'namespace' | 'account'>): WorkloadCertificate {
    const uri = `spiffe://cluster.local/ns/${identity.namespace}/sa/${identity.account}`;
    return { ...this.#authority.issue({ sans: { uri: [uri] }, lifetimeMs: 12 * HOUR_MS, usages: ['server', 'client'] }), rootPem: this.rootPem };
  }

  server(dns: readonly string[]): WorkloadCertificate {
    return { ...this.#authority.issue({ subject: { commonName: dns[0] ?? '' }, sans: { dns: [...dns] }, lifetimeMs: 12 * HOUR_MS, usages: ['server', 'client'] }), rootPem: this.rootPem };
  }
}
