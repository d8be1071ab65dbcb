/** Volumes of the proxy and where it sees them. Differs from Istio: no volume for revocation lists, since there are none. */
import type { Volume, VolumeMount } from 'kubernetes-types/core/v1.d.ts';

/** Where the proxy finds its token: projected, for the certificate authority only. */
export const TOKEN_AUDIENCE = 'istio-ca';
const TOKEN_SECONDS = 43_200;

export function proxyVolumes(): Volume[] {
  return [
    { name: 'workload-socket', emptyDir: {} },
    { name: 'credential-socket', emptyDir: {} },
    { name: 'workload-certs', emptyDir: {} },
    { name: 'istio-envoy', emptyDir: { medium: 'Memory' } },
    { name: 'istio-data', emptyDir: {} },
    {
      name: 'istio-podinfo',
      downwardAPI: {
        items: [
          { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
          { path: 'annotations', fieldRef: { fieldPath: 'metadata.annotations' } },
        ],
      },
    },
    { name: 'istio-token', projected: { sources: [{ serviceAccountToken: { path: 'istio-token', expirationSeconds: TOKEN_SECONDS, audience: TOKEN_AUDIENCE } }] } },
    { name: 'istiod-ca-cert', configMap: { name: 'istio-ca-root-cert' } },
  ];
}

export function proxyMounts(): VolumeMount[] {
  const mount = (name: string, mountPath: string): VolumeMount => ({ name, mountPath });
  return [
    mount('workload-socket', '/var/run/secrets/workload-spiffe-uds'),
    mount('credential-socket', '/var/run/secrets/credential-uds'),
    mount('workload-certs', '/var/run/secrets/workload-spiffe-credentials'),
    mount('istiod-ca-cert', '/var/run/secrets/istio'),
    mount('istio-data', '/var/lib/istio/data'),
    mount('istio-envoy', '/etc/istio/proxy'),
    mount('istio-token', '/var/run/secrets/tokens'),
    mount('istio-podinfo', '/etc/istio/pod'),
  ];
}
