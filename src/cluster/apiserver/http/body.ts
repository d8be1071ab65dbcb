import type { IncomingMessage } from 'node:http';
import { parse } from 'yaml';
import { KubeApiError } from '../../../kube/client.ts';
import { PROTOBUF, ProtobufDecoder } from '../../../kube/protobuf/decode.ts';
import { builtinSchemas } from '../../../kube/schema/builtin.ts';
import { failure } from '../../../kube/errors.ts';
import { badRequest, unsupportedMediaType } from '../status.ts';

const MAX_BYTES = 3 * 1024 * 1024;
const OBJECT_TYPES = ['application/json', 'application/yaml', PROTOBUF];

export const mediaType = (request: IncomingMessage): string => (request.headers['content-type'] ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? '';

/** The parsed body, undefined when there is none. @throws KubeApiError 400, 413 or 415 */
export async function readBody(request: IncomingMessage, accepted: readonly string[] = OBJECT_TYPES): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new KubeApiError(failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${MAX_BYTES}`));
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  const type = mediaType(request);
  if (!accepted.includes(type)) throw unsupportedMediaType(accepted);
  if (type === PROTOBUF) return parseProtobuf(Buffer.concat(chunks));
  return parseText(Buffer.concat(chunks).toString('utf8'), type);
}

const protobuf = new ProtobufDecoder(builtinSchemas);

function parseProtobuf(bytes: Uint8Array): unknown {
  try {
    return protobuf.decode(bytes);
  } catch (error) {
    throw badRequest(`the object provided is unrecognized: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseText(text: string, type: string): unknown {
  try {
    return type.includes('yaml') && !/^\s*[{[]/.test(text) ? (parse(text, { maxAliasCount: 100 }) as unknown) : (JSON.parse(text) as unknown);
  } catch (error) {
    throw badRequest(`the object provided is unrecognized (must be of type JSON or YAML): ${error instanceof Error ? error.message : String(error)}`);
  }
}
