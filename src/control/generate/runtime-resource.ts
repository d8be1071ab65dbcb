import { create } from '@bufbuild/protobuf';
import { RUNTIME_LAYER } from '../../xds/agent-contract.ts';
import { RuntimeSchema } from '../../xds/generated/envoy/service/runtime/v3/rtds_pb.js';
import type { Origin } from '../registry/origin.ts';
import { runtimeValues } from '../translate/telemetry.ts';
import type { Context } from '../translate/context.ts';
import { encode } from './encode.ts';
import type { Made, Workshop } from './workshop.ts';

/** What an Envoy looks up while it runs; none for proxies that do not fetch it.
 * @param key of the class of proxies
 * @param origins Telemetry objects, which decide about it */
export function runtimeResources(key: string, { context, origins }: { context: Context; origins: readonly Origin[] }, workshop: Workshop): Made[] {
  if (!context.proxy.fetchesParts) return [];
  const layer = runtimeValues(context);
  return [
    workshop.make(`runtime ${key} ${JSON.stringify(layer)}`, [context.settings, origins.join()], { kind: 'Runtime', namespace: context.proxy.namespace, name: RUNTIME_LAYER, origins }, () =>
      encode(RuntimeSchema, RUNTIME_LAYER, create(RuntimeSchema, { name: RUNTIME_LAYER, layer }), { origins })),
  ];
}
