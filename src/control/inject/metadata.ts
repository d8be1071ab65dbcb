/** Labels and annotations that an injected pod gets. What the pod has already stays. */
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import { Annotation, Label } from '../../api/proxy-pod/annotations.ts';
import type { InjectConfig } from '../../api/proxy-pod/config.ts';
import type { PodSettings } from '../../api/proxy-pod/pod-settings.ts';
import { PROXY_NAME } from '../../api/proxy-pod/proxy-container.ts';
import type { Workload } from '../../api/proxy-pod/workload.ts';

const LABEL_LENGTH = 63;

/** Istio: the canonical service of a workload, by which telemetry groups versions. */
export function addLabels(pod: Pod, role: 'sidecar' | 'router', workload: Workload): void {
  const labels = { ...pod.metadata?.labels };
  if (role === 'sidecar') labels[Label.TlsMode] ??= 'istio';
  labels[Label.CanonicalName] ??= labels['app.kubernetes.io/name'] ?? labels['app'] ?? workload.name.slice(0, LABEL_LENGTH).replace(/[-._]+$/, '');
  labels[Label.CanonicalRevision] ??= labels['app.kubernetes.io/version'] ?? labels['version'] ?? 'latest';
  pod.metadata = { ...pod.metadata, labels };
}

/** kubectl logs and exec choose the application's first container. */
export function addDefaultContainer(pod: Pod): void {
  const first = pod.spec?.containers.find((container) => container.name !== PROXY_NAME)?.name;
  if (first === undefined) return;
  const annotations = { ...pod.metadata?.annotations };
  annotations[Annotation.DefaultLogsContainer] ??= first;
  annotations[Annotation.DefaultContainer] ??= first;
  pod.metadata = { ...pod.metadata, annotations };
}

/** Points Prometheus at the proxy's merged metrics, and returns where the application's own are, if it has said so. */
export function mergeMetrics(pod: Pod, config: InjectConfig, settings: PodSettings): string | undefined {
  const annotations = { ...pod.metadata?.annotations };
  const isOn = annotations[Annotation.MergeMetrics] === undefined ? config.mesh.enablePrometheusMerge !== false : annotations[Annotation.MergeMetrics] === 'true';
  if (!isOn || settings.metricsPort === 0 || annotations[Annotation.Scrape] === 'false') return undefined;
  const own = { scrape: annotations[Annotation.Scrape], path: annotations[Annotation.ScrapePath], port: annotations[Annotation.ScrapePort] };
  annotations[Annotation.Scrape] = 'true';
  annotations[Annotation.ScrapePath] = '/stats/prometheus';
  annotations[Annotation.ScrapePort] = String(settings.metricsPort);
  pod.metadata = { ...pod.metadata, annotations };
  const isScraped = own.scrape === 'true' && own.port !== String(settings.metricsPort);
  return isScraped ? JSON.stringify({ scrape: own.scrape, path: own.path ?? '', port: own.port ?? '' }) : undefined;
}
