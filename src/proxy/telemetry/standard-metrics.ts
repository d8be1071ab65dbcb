/** Istio's standard metrics of one workload, as its pod asks for them. */
import type { Log } from '../../base/log.ts';
import type { ProxySettings } from '../bootstrap/settings.ts';
import { IstioMetrics } from './istio-metrics.ts';
import type { Registry } from './registry.ts';

export function createStandardMetrics(registry: Registry, settings: Pick<ProxySettings, 'workload' | 'role'>, log: Log): IstioMetrics {
  registry.gauge('istio_build', 'Version of the proxy.', ['component', 'tag']).resolve('proxy', 'lateen').value = 1;
  return new IstioMetrics(registry, { own: settings.workload, hostFallback: settings.role === 'sidecar', buckets: histogramBuckets(settings.workload.annotations, log) });
}

/** Annotation `sidecar.istio.io/statsHistogramBuckets`: bounds by a prefix of the metric's name; `istiocustom` is Istio's own. */
function histogramBuckets(annotations: ReadonlyMap<string, string>, log: Log): readonly number[] | undefined {
  const text = annotations.get('sidecar.istio.io/statsHistogramBuckets');
  if (text === undefined) return undefined;
  try {
    const bounds = (JSON.parse(text) as Record<string, unknown>)['istiocustom'];
    if (bounds === undefined) return undefined;
    if (Array.isArray(bounds) && bounds.length > 0 && bounds.every((b, i) => typeof b === 'number' && (i === 0 || b > bounds[i - 1]))) return bounds as number[];
  } catch {
    // Told below, like a list that is not one.
  }
  log.warn('annotation sidecar.istio.io/statsHistogramBuckets is not a JSON object of increasing numbers; the default buckets are used');
  return undefined;
}
