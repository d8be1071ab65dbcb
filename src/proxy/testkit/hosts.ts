import { Host, type HostConfig, NO_LOCALITY } from '../upstream/host.ts';
import type { UpstreamTransport } from '../upstream/transport.ts';

const nowhere: UpstreamTransport = { secure: false, alpn: [], announces: false, connect: () => ({ cancel() {} }), close() {} };

/** A host that is never connected to. @param index gives it its address */
export function makeHost(index: number, config: Partial<HostConfig> = {}): Host {
  return new Host({ address: { address: `10.0.0.${index}`, port: 80 }, hostname: '', weight: 1, priority: 0, locality: NO_LOCALITY, localityWeight: 0, health: 'HEALTHY', metadata: {}, ...config }, nowhere);
}

/** A repeatable source of numbers in 0…1. */
export function sequence(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
