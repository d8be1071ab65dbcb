/** Lists joined with traffic, narrowed to the chosen namespaces. */
import { useMemo } from 'react';
import { type ApplicationRow, applicationRows, type ServiceRow, serviceRows, type WorkloadRow, workloadRows } from '../model/inventory.ts';
import { useSettings } from '../settings/settings.ts';
import { usePods, useServices, useWorkloads } from './cluster.ts';
import { useTraffic } from './traffic.ts';

interface Rows<T> {
  readonly rows: readonly T[];
  readonly isLoading: boolean;
  readonly error: Error | null;
}

const narrowed = <T extends { namespace: string }>(rows: readonly T[], namespaces: ReadonlySet<string>): readonly T[] => (namespaces.size === 0 ? rows : rows.filter((row) => namespaces.has(row.namespace)));

export function useWorkloadRows(): Rows<WorkloadRow> {
  const { namespaces } = useSettings();
  const workloads = useWorkloads();
  const { data: pods = [] } = usePods();
  const { calls } = useTraffic({ everywhere: true });
  const rows = useMemo(() => narrowed(workloadRows(workloads.data ?? [], pods, calls), namespaces), [workloads.data, pods, calls, namespaces]);
  return { rows, isLoading: workloads.isPending, error: workloads.data ? null : workloads.error };
}

export function useServiceRows(): Rows<ServiceRow> {
  const { namespaces } = useSettings();
  const services = useServices();
  const { calls } = useTraffic({ everywhere: true });
  const rows = useMemo(() => narrowed(serviceRows(services.data ?? [], calls), namespaces), [services.data, calls, namespaces]);
  return { rows, isLoading: services.isPending, error: services.data ? null : services.error };
}

export function useApplicationRows(): Rows<ApplicationRow> {
  const { rows: workloads, isLoading, error } = useWorkloadRows();
  const { calls } = useTraffic({ everywhere: true });
  const rows = useMemo(() => applicationRows(workloads, calls), [workloads, calls]);
  return { rows, isLoading, error };
}
