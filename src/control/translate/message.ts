/** Shorthand for making Envoy messages. */
import { create } from '@bufbuild/protobuf';
import type { DescMessage, JsonObject, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { anyPack, type Any, type Duration } from '@bufbuild/protobuf/wkt';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import { parseDuration } from '../../base/duration.ts';
import { TypedStructSchema } from '../../xds/generated/xds/type/v3/typed_struct_pb.js';

/** The plain object from which a message is made. */
export type Init<D extends DescMessage> = Exclude<MessageInitShape<D>, MessageShape<D>>;

/** A message wrapped in `Any`, as extensions are configured. */
export function pack<D extends DescMessage>(schema: D, init?: MessageInitShape<D>): Any {
  return anyPack(schema, create(schema, init));
}

/** Configuration of a filter whose message type we do not have: Istio's own. */
export function packStruct(typeUrl: string, value: JsonObject): Any {
  return pack(TypedStructSchema, { typeUrl: `type.googleapis.com/${typeUrl}`, value });
}

export function durationMs(milliseconds: number): Duration {
  const seconds = Math.floor(milliseconds / 1000);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((milliseconds - seconds * 1000) * 1e6) });
}

/** Of a text such as `1.5s`; undefined when it is absent or not a duration (the validator has said so before). */
export function durationOf(text: string | undefined): Duration | undefined {
  const milliseconds = text === undefined ? undefined : parseDuration(text);
  return milliseconds === undefined ? undefined : durationMs(milliseconds);
}

export const ZERO_DURATION: Duration = durationMs(0);
