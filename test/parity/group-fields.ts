/** Fields of WorkloadGroup, and what shows each of them: a group that sets it, and what to put there instead where it cannot just be left out.
 * Without it something must be different on the whole way from the group to the machine's files, its entry, its endpoints and its health. */

/** Where the applications of a machine are. */
export interface Places {
  /** Answers 200 to `/ready` with the header `x-probe: yes`, and else 500. */
  readonly http: number;
  readonly https: number;
  /** On 127.0.0.9 only, all is well. */
  readonly elsewhere: number;
  /** Takes requests and never answers. */
  readonly mute: number;
  /** gRPC health: the service `app` serves, and no other. */
  readonly grpc: number;
  /** Nobody listens. */
  readonly dead: number;
}

export interface GroupField {
  /** `WorkloadGroup.probe.httpGet.path` */
  readonly field: string;
  readonly spec: (at: Places) => object;
  readonly instead?: (at: Places) => unknown;
}

const row = (name: string, spec: GroupField['spec'], instead?: GroupField['instead']): GroupField => ({ field: `WorkloadGroup.${name}`, spec, ...(instead ? { instead } : {}) });
const template = (fields: object) => () => ({ metadata: { labels: { app: 'vm' } }, template: fields });
const probe = (fields: (at: Places) => object) => (at: Places) => ({ template: {}, probe: fields(at) });
const ready = (at: Places) => ({ port: at.http, path: '/ready', httpHeaders: [{ name: 'x-probe', value: 'yes' }] });
const timed = (fields: object) => probe((at) => ({ tcpSocket: { port: at.http }, ...fields }));

export const GROUP_FIELDS: readonly GroupField[] = [
  row('metadata.labels{}', template({})),
  row('metadata.annotations{}', () => ({ metadata: { annotations: { team: 'a' } }, template: {} })),
  row('template.labels{}', template({ labels: { version: 'v2' } })),
  row('template.ports{}', template({ ports: { http: 8080 } })),
  row('template.serviceAccount', template({ serviceAccount: 'vm' })),
  row('template.locality', template({ locality: 'one/two/three' })),
  row('template.weight', template({ weight: 7 })),
  row('probe.httpGet.port', probe((at) => ({ httpGet: ready(at) })), (at) => at.dead),
  row('probe.httpGet.path', probe((at) => ({ httpGet: ready(at) }))),
  row('probe.httpGet.httpHeaders[]', probe((at) => ({ httpGet: ready(at) }))),
  row('probe.httpGet.httpHeaders[].name', probe((at) => ({ httpGet: ready(at) })), () => 'x-other'),
  row('probe.httpGet.httpHeaders[].value', probe((at) => ({ httpGet: ready(at) })), () => 'no'),
  row('probe.httpGet.host', probe((at) => ({ httpGet: { port: at.elsewhere, host: '127.0.0.9' } }))),
  row('probe.httpGet.scheme', probe((at) => ({ httpGet: { port: at.https, scheme: 'HTTPS' } }))),
  row('probe.tcpSocket.port', probe((at) => ({ tcpSocket: { port: at.http } })), (at) => at.dead),
  row('probe.tcpSocket.host', probe((at) => ({ tcpSocket: { port: at.elsewhere, host: '127.0.0.9' } }))),
  row('probe.exec.command[]', probe(() => ({ exec: { command: ['true'] } })), () => ['false']),
  row('probe.grpc.port', probe((at) => ({ grpc: { port: at.grpc, service: 'app' } })), (at) => at.dead),
  row('probe.grpc.service', probe((at) => ({ grpc: { port: at.grpc, service: 'app' } }))),
  row('probe.timeoutSeconds', probe((at) => ({ timeoutSeconds: 2, httpGet: { port: at.mute } }))),
  row('probe.initialDelaySeconds', timed({ initialDelaySeconds: 3 })),
  row('probe.periodSeconds', timed({ periodSeconds: 7 })),
  row('probe.successThreshold', timed({ successThreshold: 2 })),
  row('probe.failureThreshold', timed({ failureThreshold: 3 })),
];

/** As scenarios say what they cover. */
export const GROUP_COVERS: readonly { readonly covers: string[] }[] = [{ covers: GROUP_FIELDS.map(({ field }) => field) }];
