/** The init container `istio-init`, which redirects the pod's traffic to the proxy. Arguments: Istio's istio-iptables. */
import type { Container } from 'kubernetes-types/core/v1.d.ts';
import { Annotation } from '../../api/proxy-pod/annotations.ts';
import type { InjectConfig } from '../../api/proxy-pod/config.ts';
import type { PodSettings } from '../../api/proxy-pod/pod-settings.ts';

export const INIT_NAME = 'istio-init';
/** Ports that the proxy itself serves to the outside: metrics and health. */
const OWN_PORTS = ['15090', '15021'];

export function initContainer(config: InjectConfig, settings: PodSettings): Container {
  const { values, mesh } = config;
  const environment = Object.entries(settings.proxy.proxyMetadata ?? {}).map(([name, value]) => ({ name, value }));
  return {
    name: INIT_NAME,
    image: settings.text(Annotation.ProxyImage, values.initImage),
    ...(values.imagePullPolicy === undefined ? {} : { imagePullPolicy: values.imagePullPolicy }),
    args: [
      'istio-iptables',
      '-p',
      String(mesh.proxyListenPort),
      '-z',
      String(mesh.proxyInboundListenPort),
      '-u',
      '1337',
      '-m',
      settings.interceptionMode,
      '-i',
      settings.text(Annotation.IncludeOutboundRanges, values.includeIPRanges),
      '-x',
      settings.text(Annotation.ExcludeOutboundRanges, values.excludeIPRanges),
      '-b',
      settings.text(Annotation.IncludeInboundPorts, values.includeInboundPorts),
      '-d',
      excludedInboundPorts(config, settings),
      ...optional('-q', settings.text(Annotation.IncludeOutboundPorts, values.includeOutboundPorts)),
      ...optional('-o', settings.text(Annotation.ExcludeOutboundPorts, values.excludeOutboundPorts)),
      ...optional('-k', settings.text(Annotation.RerouteInterfaces, settings.text(Annotation.KubevirtInterfaces, ''))),
      ...optional('-c', settings.text(Annotation.ExcludeInterfaces, '')),
      `--log_output_level=${settings.text(Annotation.AgentLogLevel, values.agentLogLevel)}`,
      ...(values.logAsJson ? ['--log_as_json'] : []),
    ],
    ...(environment.length > 0 ? { env: environment } : {}),
    resources: settings.resources,
    securityContext: {
      allowPrivilegeEscalation: values.privileged,
      privileged: values.privileged,
      capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] },
      readOnlyRootFilesystem: false,
      runAsGroup: 0,
      runAsNonRoot: false,
      runAsUser: 0,
    },
  };
}

function excludedInboundPorts(config: InjectConfig, settings: PodSettings): string {
  const asked = settings.text(Annotation.ExcludeInboundPorts, config.values.excludeInboundPorts);
  const ports = [...OWN_PORTS, ...asked.split(',').filter((port) => port !== '')];
  const status = String(settings.statusPort);
  return (status === '0' || ports.includes(status) ? ports : [...ports, status]).join(',');
}

const optional = (flag: string, value: string) => (value === '' ? [] : [flag, value]);
