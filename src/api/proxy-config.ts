/** ProxyConfig: start-up settings of the proxies of some workloads. Istio: networking.istio.io/v1beta1 ProxyConfig. */
import { LabelSelector } from './common/selectors.ts';
import { resourceOf, type Kind, type MeshObject } from './schema/kind.ts';
import { int32, map, nullable, object, string, type Infer } from './schema/schema.ts';

export const ProxyConfigSpec = object(
  { selector: LabelSelector, concurrency: nullable(int32({ minimum: 0 })), environmentVariables: map(string({ maxLength: 2048 })), image: object({ imageType: string() }) },
  { docs: { concurrency: 'Worker threads; 0: one per core.', environmentVariables: 'Added to the environment of the proxy when a pod is injected.' } },
);
export type ProxyConfigSpec = Infer<typeof ProxyConfigSpec>;
export type ProxyConfigObject = MeshObject<ProxyConfigSpec>;

export const ProxyConfigKind: Kind<ProxyConfigSpec> = {
  group: 'networking.istio.io',
  kind: 'ProxyConfig',
  plural: 'proxyconfigs',
  versions: ['v1beta1'],
  spec: ProxyConfigSpec,
  description: 'Start-up settings of the proxies of some workloads.',
};
export const ProxyConfigs = resourceOf<ProxyConfigObject>(ProxyConfigKind);
