/** Who may ask the console, and for what. It holds a service account, so it is careful for its user's sake. */
import { isIP } from 'node:net';

const OWN_NAMES = ['localhost', 'kiali', 'kiali.istio-system', 'kiali.istio-system.svc', 'kiali.istio-system.svc.cluster.local'];

/** False for a name that is not the console's: a page elsewhere whose domain was pointed at this address (DNS rebinding) must not read the cluster. */
export function isAllowedHost(header: string | undefined, allowed: readonly string[]): boolean {
  const host = (header ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '').toLowerCase();
  return isIP(host) !== 0 || host.endsWith('.localhost') || OWN_NAMES.includes(host) || allowed.includes(host);
}

/** Undefined when the Kubernetes call may pass, else the reason. The console reads, and never what is secret. */
export function kubeRefusal(method: string, path: string): string | undefined {
  if (method !== 'GET' && method !== 'HEAD') return `the console only reads the cluster; ${method} is refused`;
  if (!/^\/(api|apis|version|openapi)(\/|$)/.test(path)) return `${path} is not a path of the Kubernetes API`;
  let plain: string;
  try {
    plain = decodeURIComponent(path);
  } catch {
    return 'the path is not valid percent-encoding';
  }
  const segments = plain.split('/');
  if (segments.includes('..') || segments.includes('.')) return 'the path must not contain dot segments';
  if (segments.includes('secrets') || segments.includes('proxy') || segments.includes('exec') || segments.includes('attach')) return 'the console does not read secrets and does not reach into pods';
  return undefined;
}
