/** The control plane's own metrics, under Istio's names, in the Prometheus text format. */
export interface PilotMetrics {
  connections(count: number): void;
  sent(type: string, bytes: number): void;
  refused(type: string): void;
  pushed(trigger: 'config' | 'endpoint', seconds: number): void;
  /** From the first change to the push. */
  converged(seconds: number): void;
  inventory(counts: { services: number; virtualServices: number; subsets: number }): void;
  /** An event came in from the API server. */
  updated(kind: 'config' | 'eds' | 'svc'): void;
  injected(outcome: 'success' | 'failure' | 'skipped'): void;
  validated(allowed: boolean): void;
  /** Of a machine that registers itself. */
  registration(event: 'success' | 'updates' | 'unregister' | 'deletes' | 'errors'): void;
  render(): string;
}

const BUCKETS = [0.01, 0.05, 0.1, 0.3, 0.5, 1, 3, 5, 10, 20, 30];

class Histogram {
  readonly #counts = BUCKETS.map(() => 0);
  #sum = 0;
  #count = 0;

  observe(value: number): void {
    this.#sum += value;
    this.#count += 1;
    BUCKETS.forEach((bound, i) => {
      if (value <= bound) this.#counts[i] = (this.#counts[i] ?? 0) + 1;
    });
  }

  render(name: string, help: string): string[] {
    return [
      `# HELP ${name} ${help}`, `# TYPE ${name} histogram`,
      ...BUCKETS.map((bound, i) => `${name}_bucket{le="${bound}"} ${this.#counts[i]}`),
      `${name}_bucket{le="+Inf"} ${this.#count}`, `${name}_sum ${this.#sum}`, `${name}_count ${this.#count}`,
    ];
  }
}

class Counter {
  readonly #values = new Map<string, number>();

  add(labels: string, amount = 1): void {
    this.#values.set(labels, (this.#values.get(labels) ?? 0) + amount);
  }

  render(name: string, help: string): string[] {
    return [`# HELP ${name} ${help}`, `# TYPE ${name} counter`, ...[...this.#values].toSorted().map(([labels, value]) => `${name}${labels} ${value}`)];
  }
}

const PLAIN_COUNTERS: readonly (readonly [name: string, help: string])[] = [
  ['sidecar_injection_requests_total', 'Injection requests.'],
  ['sidecar_injection_success_total', 'Pods that got a sidecar.'],
  ['sidecar_injection_failure_total', 'Pods that could not get one.'],
  ['sidecar_injection_skip_total', 'Pods that are not to have one.'],
  ['galley_validation_passed', 'Objects that the validator let pass.'],
  ['galley_validation_failed', 'Objects that the validator refused.'],
  ['auto_registration_success_total', 'Machines that got an entry.'],
  ['auto_registration_updates_total', 'Machines that came back to their entry.'],
  ['auto_registration_unregister_total', 'Machines that have gone.'],
  ['auto_registration_deletes_total', 'Entries removed, since the machine did not come back.'],
  ['auto_registration_errors_total', 'Machines that could not be registered, and entries that could not be written.'],
];

export function createPilotMetrics(version: string): PilotMetrics {
  let connected = 0;
  let counts = { services: 0, virtualServices: 0, subsets: 0 };
  const pushes = new Counter();
  const rejects = new Counter();
  const bytes = new Counter();
  const updates = new Counter();
  const triggers = new Counter();
  const plain = new Map<string, Counter>(PLAIN_COUNTERS.map(([name]) => [name, new Counter()]));
  const pushTime = new Histogram();
  const convergence = new Histogram();
  const gauge = (name: string, help: string, value: number, labels = '') => [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, `${name}${labels} ${value}`];
  return {
    connections: (count) => void (connected = count),
    sent(type, size) {
      pushes.add(`{type="${type.toLowerCase()}"}`);
      bytes.add(`{type="${type}"}`, size);
    },
    refused: (type) => rejects.add(`{type="${type.toLowerCase()}"}`),
    pushed(trigger, seconds) {
      triggers.add(`{type="${trigger}"}`);
      pushTime.observe(seconds);
    },
    converged: (seconds) => convergence.observe(seconds),
    inventory: (next) => void (counts = next),
    injected(outcome) {
      plain.get('sidecar_injection_requests_total')?.add('');
      plain.get(`sidecar_injection_${outcome === 'skipped' ? 'skip' : outcome}_total`)?.add('');
    },
    validated: (allowed) => plain.get(allowed ? 'galley_validation_passed' : 'galley_validation_failed')?.add(''),
    registration: (event) => plain.get(`auto_registration_${event}_total`)?.add(''),
    updated: (kind) => updates.add(`{type="${kind}"}`),
    render: () =>
      [
        ...gauge('pilot_info', 'Version of the control plane.', 1, `{version="${version}"}`),
        ...gauge('pilot_xds', 'Proxies connected.', connected, `{version="${version}"}`),
        ...gauge('pilot_services', 'Services known.', counts.services),
        ...gauge('pilot_virt_services', 'VirtualServices known.', counts.virtualServices),
        ...gauge('pilot_destrule_subsets', 'Subsets known.', counts.subsets),
        ...pushes.render('pilot_xds_pushes', 'Responses sent, by type.'),
        ...rejects.render('pilot_total_xds_rejects', 'Responses that proxies refused.'),
        ...bytes.render('pilot_xds_sent_bytes', 'Bytes of responses sent, by type.'),
        ...updates.render('pilot_inbound_updates', 'Changes received from the API server.'),
        ...triggers.render('pilot_push_triggers', 'Pushes, by what caused them.'),
        ...PLAIN_COUNTERS.flatMap(([name, help]) => plain.get(name)?.render(name, help) ?? []),
        ...pushTime.render('pilot_xds_push_time', 'Seconds to make and send a push.'),
        ...convergence.render('pilot_proxy_convergence_time', 'Seconds between a change and its push to all proxies.'),
        '',
      ].join('\n'),
  };
}
