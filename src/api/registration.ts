/** What stands on the WorkloadEntries of machines that register themselves. Names: Istio's. */
export const RegistrationAnnotation = {
  /** The WorkloadGroup. */
  group: 'istio.io/autoRegistrationGroup',
  /** The control plane that the machine is, or was last, connected to: the name of its pod. */
  controller: 'istio.io/workloadController',
  /** RFC 3339. */
  connectedAt: 'istio.io/connectedAt',
  disconnectedAt: 'istio.io/disconnectedAt',
} as const;

/** `true`: the machine's agent tells how its application is, and the entry gets no traffic before it has said that it is well. */
export const HEALTH_CHECKS = 'proxy.istio.io/health-checks-enabled';
