/** Metrics as text: Prometheus' format 0.0.4, and OpenMetrics 1.0 for those who ask for it. */
import { Histogram } from './registry.ts';
import type { AnyFamily } from './registry.ts';

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
export const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
export type ExpositionFormat = 'prometheus' | 'openmetrics';

/** Which format an `Accept` header asks for. */
export const chooseFormat = (accept: string | undefined): ExpositionFormat => (accept?.includes('application/openmetrics-text') ? 'openmetrics' : 'prometheus');

export function expose(families: Iterable<AnyFamily>, format: ExpositionFormat = 'prometheus'): string {
  const parts: string[] = [];
  for (const family of families) {
    if (family.size === 0) continue;
    // OpenMetrics names the family without the suffix that its samples carry.
    const name = format === 'openmetrics' && family.kind === 'counter' ? family.name.replace(/_total$/, '') : family.name;
    const help = `# HELP ${name} ${family.help}\n`;
    const type = `# TYPE ${name} ${family.kind}\n`;
    parts.push(format === 'openmetrics' ? type + help : help + type);
    const sample = format === 'openmetrics' && family.kind === 'counter' ? `${name}_total` : name;
    for (const { labels, cell } of family.series()) {
      if (cell instanceof Histogram) exposeHistogram(parts, { name, labels, cell });
      else parts.push(`${sample}${labels === '' ? '' : `{${labels}}`} ${number(cell.value)}\n`);
    }
  }
  if (format === 'openmetrics') parts.push('# EOF\n');
  return parts.join('');
}

function exposeHistogram(parts: string[], series: { name: string; labels: string; cell: Histogram }): void {
  const { name, labels, cell } = series;
  const head = labels === '' ? '' : `${labels},`;
  const tail = labels === '' ? '' : `{${labels}}`;
  let total = 0;
  for (const [i, count] of cell.counts.entries()) {
    total += count;
    const bound = cell.bounds[i];
    parts.push(`${name}_bucket{${head}le="${bound === undefined ? '+Inf' : number(bound)}"} ${total}\n`);
  }
  parts.push(`${name}_sum${tail} ${number(cell.sum)}\n${name}_count${tail} ${total}\n`);
}

const number = (value: number): string => (Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : value < 0 ? '-Inf' : 'NaN');
