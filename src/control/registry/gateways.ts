import type { Gateway, GatewayServer } from '../../api/gateway.ts';
import type { Stored } from '../../kube/object.ts';
import { byAge } from './by-age.ts';
import { labelsMatch } from './visibility.ts';

/** One server of a Gateway object, with what it takes from the object. */
export interface EdgeServer {
  /** `namespace/name` of the Gateway. */
  readonly gateway: string;
  readonly namespace: string;
  readonly name: string;
  readonly server: GatewayServer;
  /** The hosts without their namespace part, in lower case, since names count in any; and the namespaces that may bind to each (`*` for any). */
  readonly hosts: readonly { readonly host: string; readonly namespace: string }[];
}

/** Servers of all Gateways that select these labels, oldest Gateway first. A Gateway without selector is for every gateway. */
export function serversFor(objects: readonly Stored<Gateway>[], labels: Readonly<Record<string, string>>): EdgeServer[] {
  return objects
    .filter((g) => labelsMatch(g.spec?.selector, labels))
    .toSorted(byAge)
    .flatMap((g) => {
      const namespace = g.metadata.namespace ?? '';
      return (g.spec?.servers ?? []).map((server) => ({
        gateway: `${namespace}/${g.metadata.name}`, namespace, name: g.metadata.name, server,
        hosts: server.hosts.map((text) => edgeHost(text, namespace)),
      }));
    });
}

/** `ns/host`, `./host` (own namespace) or `host`; the namespace `*` is any. */
function edgeHost(text: string, own: string): { host: string; namespace: string } {
  const slash = text.indexOf('/');
  if (slash < 0) return { host: text.toLowerCase(), namespace: '*' };
  const namespace = text.slice(0, slash);
  return { host: text.slice(slash + 1).toLowerCase(), namespace: namespace === '.' ? own : namespace };
}
