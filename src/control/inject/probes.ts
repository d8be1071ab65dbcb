/** Probes of the application are sent to the proxy's status port, which carries them out inside the pod: the kubelet has
 * no certificate for mutual TLS. Istio: app_probe.go; the specifications travel in ISTIO_KUBE_APP_PROBERS. */
import type { Container, LifecycleHandler, Pod, Probe } from 'kubernetes-types/core/v1.d.ts';

type Handler = Pick<Probe, 'httpGet' | 'tcpSocket' | 'grpc'>;

const PROBES = [
  ['readinessProbe', 'readyz'],
  ['livenessProbe', 'livez'],
  ['startupProbe', 'startupz'],
] as const;
const HOOKS = [
  ['preStop', 'prestopz'],
  ['postStart', 'poststartz'],
] as const;

/** Changes the containers of `pod` in place and returns what was there, by the path that is asked for instead. */
export function rewriteProbes(pod: Pod, statusPort: number): Record<string, unknown> {
  const probers: Record<string, unknown> = {};
  const sidecars = (pod.spec?.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  for (const container of [...sidecars, ...(pod.spec?.containers ?? [])]) {
    if (container.name === 'istio-proxy') continue;
    for (const [field, name] of PROBES) {
      const probe = container[field];
      if (!probe || !isRemote(probe)) continue;
      const path = `/app-health/${container.name}/${name}`;
      probers[path] = describe(probe, container, probe.timeoutSeconds);
      container[field] = redirect(probe, path, statusPort);
    }
    for (const [field, name] of HOOKS) {
      const hook = container.lifecycle?.[field];
      if (!container.lifecycle || !hook || !isRemote(hook)) continue;
      const path = `/app-lifecycle/${container.name}/${name}`;
      probers[path] = describe(hook, container);
      container.lifecycle = { ...container.lifecycle, [field]: redirect(hook, path, statusPort) };
    }
  }
  return probers;
}

const isRemote = (handler: Handler | LifecycleHandler) => handler.httpGet !== undefined || handler.tcpSocket !== undefined || (handler as Handler).grpc !== undefined;

function redirect<T extends Handler | LifecycleHandler>(handler: T, path: string, port: number): T {
  const { httpGet: _, tcpSocket: _tcp, grpc: _grpc, ...rest } = handler as Probe;
  // Same type as before: only the way of asking has changed.
  return { ...rest, httpGet: { path, port } } as T;
}

function describe(handler: Handler | LifecycleHandler, container: Container, timeoutSeconds?: number): unknown {
  const { httpGet, tcpSocket, grpc } = handler as Handler;
  const timeout = timeoutSeconds === undefined ? {} : { timeoutSeconds };
  if (httpGet) return { httpGet: { ...httpGet, port: portNumber(httpGet.port, container) }, ...timeout };
  if (tcpSocket) return { tcpSocket: { ...tcpSocket, port: portNumber(tcpSocket.port, container) }, ...timeout };
  return { grpc, ...timeout };
}

/** A named port of the container as its number; an unknown name stays, and the probe fails saying so. */
function portNumber(port: number | string, container: Container): number | string {
  return typeof port === 'number' ? port : (container.ports?.find((candidate) => candidate.name === port)?.containerPort ?? port);
}
