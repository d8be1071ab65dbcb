/** Has the host of a request looked up before it is routed to a cluster that knows its hosts by name only.
 * Envoy: envoy.filters.http.dynamic_forward_proxy. */
import type { HttpFilter } from '../http/filter.ts';
import type { FilterDeps } from './registry.ts';

export function createResolveHostFilter(name: string, { clusters }: Pick<FilterDeps, 'clusters'>): HttpFilter {
  return {
    name,
    onRequest(context) {
      const cluster = context.destination && clusters.get(context.destination.cluster);
      const asked = cluster?.resolve(context.request.authority);
      if (!asked) return 'continue';
      let isOver = false;
      context.atEnd(() => (isOver = true));
      void asked.then((address) => {
        if (isOver) return;
        if (address !== undefined) context.resume();
        else context.reply({ status: 503, body: 'DNS resolution failure', flag: 'DF', details: 'dns_resolution_failure' });
      });
      return 'stop';
    },
  };
}
