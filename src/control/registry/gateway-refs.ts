/** Objects that name a gateway instead of selecting pods. */

/** Gateways of the Gateway API carry the name of their Gateway. */
const GATEWAY_NAME = 'gateway.networking.k8s.io/gateway-name';

interface Ref {
  readonly kind: string;
  readonly group?: string;
  readonly name: string;
}

export const isGatewayRef = ({ kind, group = '' }: Pick<Ref, 'kind' | 'group'>): boolean => kind === 'Gateway' && group === 'gateway.networking.k8s.io';

/** @param labels of a pod in the namespace of the object */
export const isForGateway = (ref: Ref, labels: Readonly<Record<string, string>>): boolean => isGatewayRef(ref) && ref.name === labels[GATEWAY_NAME];
