/** Labels that tell who installed an object and which component it belongs to; uninstalling goes by them. */
export const OWNER_LABEL = 'install.operator.istio.io/owning-resource';
export const OWNER = 'installed-state';
export const COMPONENT_LABEL = 'operator.istio.io/component';

export const Component = { Base: 'Base', Pilot: 'Pilot', Ingress: 'IngressGateways', Egress: 'EgressGateways', Observe: 'Observe', Console: 'Console' } as const;
export type Component = (typeof Component)[keyof typeof Component];

export function componentLabels(component: Component, version: string): Record<string, string> {
  return {
    [OWNER_LABEL]: OWNER,
    [COMPONENT_LABEL]: component,
    'operator.istio.io/managed': 'Reconcile',
    'operator.istio.io/version': version,
    'istio.io/rev': 'default',
    release: 'istio',
  };
}
