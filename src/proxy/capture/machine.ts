/** The variables of a machine's `cluster.env` as the arguments of istio-iptables. Istio: the start script of its packages for virtual machines. */
export function machineCapture(env: Readonly<Record<string, string | undefined>>): string[] {
  const flag = (name: string, value: string | undefined) => (value === undefined || value === '' ? [] : [name, value]);
  return [
    ...flag('-b', env['ISTIO_INBOUND_PORTS'] ?? '*'), ...flag('-d', env['ISTIO_LOCAL_EXCLUDE_PORTS']), ...flag('-i', env['ISTIO_SERVICE_CIDR'] ?? '*'),
    ...flag('-x', env['ISTIO_SERVICE_EXCLUDE_CIDR']), ...flag('-o', env['ISTIO_LOCAL_OUTBOUND_PORTS_EXCLUDE']), ...flag('-q', env['ISTIO_OUTBOUND_PORTS']),
  ];
}
