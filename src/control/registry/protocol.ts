import type { Protocol } from './model.ts';

const BY_NAME: ReadonlyMap<string, Protocol> = new Map<string, Protocol>([
  ['http', 'HTTP'], ['http2', 'HTTP2'], ['https', 'HTTPS'], ['grpc', 'GRPC'], ['grpc-web', 'GRPC-Web'], ['tcp', 'TCP'], ['tls', 'TLS'],
  ['udp', 'UDP'], ['mongo', 'Mongo'], ['redis', 'Redis'], ['mysql', 'MySQL'], ['http_proxy', 'HTTP'],
]);
const BY_APP_PROTOCOL: ReadonlyMap<string, Protocol> = new Map<string, Protocol>([
  ['kubernetes.io/h2c', 'HTTP2'], ['kubernetes.io/ws', 'HTTP'], ['kubernetes.io/wss', 'HTTPS'],
]);
/** Ports of protocols in which the server speaks first: sniffing would wait for ever. */
const SERVER_FIRST: ReadonlySet<number> = new Set([25, 53, 3306, 27017]);

export interface PortFacts {
  port: number;
  name?: string;
  /** Of Kubernetes: TCP, UDP, SCTP. */
  transport?: string;
  appProtocol?: string;
}

/** Which protocol a port of a Kubernetes Service speaks. Istio: "Protocol Selection": appProtocol, then the port's name up to
 * the first hyphen, then detection, except on ports of protocols in which the server speaks first. */
export function protocolOf(facts: PortFacts): Protocol {
  if (facts.transport === 'UDP') return 'UDP';
  const app = facts.appProtocol?.toLowerCase();
  const name = facts.name?.toLowerCase() ?? '';
  const declared = app === undefined ? byName(name) : (BY_APP_PROTOCOL.get(app) ?? byName(app));
  if (declared !== undefined) return declared;
  return SERVER_FIRST.has(facts.port) ? 'TCP' : 'Unsupported';
}

/** The `protocol` of a ServiceEntry's or Gateway's port, in any case; an empty one is detected. */
export function declaredProtocol(text: string | undefined): Protocol {
  return BY_NAME.get((text ?? '').toLowerCase()) ?? 'Unsupported';
}

function byName(name: string): Protocol | undefined {
  if (name === 'grpc-web' || name.startsWith('grpc-web-')) return 'GRPC-Web';
  return BY_NAME.get(name.split('-')[0] ?? '');
}
