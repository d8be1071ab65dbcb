/** Which address a client dials for a name. */
import type { MeshInputs } from '../../../src/control/registry/snapshot.ts';
import type { From } from '../scenario.ts';
import { ADDRESS, OUTSIDE_HOSTS, PLACES, type Place } from './network.ts';

/** Ports of the gateway's service → of its pod. */
const GATEWAY_PORTS: Readonly<Record<number, number>> = { 80: 8080, 443: 8443 };

/** @param authority `name[:port]` */
export function addressFor(authority: string, from: From, of: { mesh: MeshInputs; isTls: boolean }): string {
  const [name = '', text] = authority.split(':');
  const port = Number(text ?? (of.isTls ? 443 : 80));
  if (/^[\d.]+$/.test(name)) return `${name}:${port}`;
  if (from === 'world') return `${ADDRESS.gateway}:${GATEWAY_PORTS[port] ?? port}`;
  return `${serviceAddress(name, of.mesh) ?? entryAddress(name, of.mesh) ?? OUTSIDE_HOSTS[0]}:${port}`;
}

function serviceAddress(name: string, mesh: MeshInputs): string | undefined {
  const [first, namespace = 'default'] = name.split('.');
  const service = mesh.services.find((s) => s.metadata.name === first && s.metadata.namespace === namespace && [1, 2, 3, 5].includes(name.split('.').length));
  if (!service) return undefined;
  if (service.spec?.clusterIP !== 'None') return service.spec?.clusterIP;
  const slice = mesh.endpointSlices.find((s) => s.metadata.namespace === namespace && s.metadata.labels?.['kubernetes.io/service-name'] === first);
  return slice?.endpoints[0]?.addresses[0];
}

function entryAddress(name: string, mesh: MeshInputs): string | undefined {
  const entry = mesh.serviceEntries.find((e) => e.spec?.hosts?.some((host) => host === name || (host.startsWith('*.') && name.endsWith(host.slice(1)))));
  return entry?.spec?.addresses?.find((address) => !address.includes('/'));
}

/** The place with a proxy that an address belongs to. */
export function placeOf(address: string): Place | undefined {
  const subnet = address.split('.').slice(0, 3).join('.');
  return PLACES.find((place) => ADDRESS[place].startsWith(`${subnet}.`));
}
