/** Envoy `LocalReplyConfig` → what to change of answers that the proxy makes itself. */
import type { LocalReplyConfig, ResponseMapper } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { ConfigError } from '../errors.ts';
import type { ReplyMapper } from '../http/local-reply.ts';
import { compileHeaderEdits } from '../route/header-edits.ts';
import { compileFilter } from '../telemetry/access-log/filter.ts';
import { sourceBytes } from './decode.ts';

export function compileLocalReplies(message: LocalReplyConfig | undefined): ReplyMapper[] {
  if (message?.bodyFormat) throw new ConfigError('local_reply_config: body_format is not supported');
  return (message?.mappers ?? []).map(compileMapper);
}

function compileMapper(message: ResponseMapper, index: number): ReplyMapper {
  const at = `local_reply_config: mapper ${index}`;
  if (!message.filter) throw new ConfigError(`${at} has no filter`);
  if (message.bodyFormatOverride) throw new ConfigError(`${at}: body_format_override is not supported`);
  const source = message.body?.specifier;
  if (source !== undefined && source.case !== 'inlineString' && source.case !== 'inlineBytes') throw new ConfigError(`${at}: body must be inline`);
  const { matches, unknown } = compileFilter(sourceBytes(message.filter));
  if (unknown.length > 0) throw new ConfigError(`${at}: filter ${unknown.join(', ')} is not supported`);
  return {
    applies: matches,
    status: message.statusCode,
    body: source === undefined ? undefined : Buffer.from(source.value as string),
    edits: compileHeaderEdits({ add: message.headersToAdd, remove: [] }),
  };
}
