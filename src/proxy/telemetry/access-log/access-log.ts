/** Access logs as the resources ask for them. A logger is compiled when its listener's first request ends, and kept by the
 * identity of the settings. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Clock } from '../../../base/clock.ts';
import { errorText } from '../../../base/errors.ts';
import type { Log } from '../../../base/log.ts';
import type { SubstitutionFormatString } from '../../../xds/generated/envoy/config/core/v3/substitution_format_string_pb.js';
import { decode } from '../../config/decode.ts';
import type { AccessLogSettings, Outcome } from '../../outcome.ts';
import { compileFilter } from './filter.ts';
import { ENVOY_DEFAULT_FORMAT, compileJson, compileText } from './format.ts';
import type { CompiledFormat } from './format.ts';
import { createLineWriter, openPath } from './line-writer.ts';
import type { LineWriter } from './line-writer.ts';

export interface AccessLogDeps {
  readonly clock: Clock;
  /** Longest wait of a line before it is written; default 50 ms. Envoy: --file-flush-interval-msec. */
  readonly flushMs?: number;
  readonly log: Log;
  /** Default: the file system. */
  readonly open?: (path: string) => (batch: string, done: () => void) => void;
}

type Logger = (outcome: Outcome) => void;
const PREFIX = 'type.googleapis.com/envoy.extensions.access_loggers';

export class AccessLog {
  readonly #deps: AccessLogDeps;
  readonly #writers = new Map<string, LineWriter>();
  readonly #loggers = new WeakMap<readonly AccessLogSettings[], readonly Logger[]>();

  constructor(deps: AccessLogDeps) {
    this.#deps = deps;
  }

  record(outcome: Outcome): void {
    const settings = outcome.accessLogs;
    if (settings === undefined || settings.length === 0) return;
    let loggers = this.#loggers.get(settings);
    if (!loggers) {
      loggers = settings.flatMap((one) => this.#compile(one) ?? []);
      this.#loggers.set(settings, loggers);
    }
    for (const log of loggers) log(outcome);
  }

  get dropped(): number {
    return [...this.#writers.values()].reduce((sum, writer) => sum + writer.dropped, 0);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#writers.values()].map((writer) => writer.close()));
  }

  #compile(settings: AccessLogSettings): Logger | undefined {
    const { log } = this.#deps;
    try {
      const target = decodeTarget(settings);
      if (!target) {
        log.warn('this kind of access log is not supported; nothing is logged by it', { logger: settings.name, typeUrl: settings.typeUrl });
        return undefined;
      }
      const filter = compileFilter(settings.filter);
      if (target.format.unknown.length > 0) log.warn('unknown operators in the access-log format print as "-"', { operators: target.format.unknown });
      if (filter.unknown.length > 0) log.warn('unsupported access-log filters let everything pass', { filters: filter.unknown });
      const writer = this.#writer(target.path);
      return (outcome) => filter.matches(outcome) && writer.write(target.format.line(outcome));
    } catch (error) {
      log.warn('an access log cannot be set up', { logger: settings.name, error: errorText(error) });
      return undefined;
    }
  }

  #writer(path: string): LineWriter {
    const known = this.#writers.get(path);
    if (known) return known;
    const writer = createLineWriter((this.#deps.open ?? openPath)(path), { clock: this.#deps.clock, delayMs: this.#deps.flushMs });
    this.#writers.set(path, writer);
    return writer;
  }
}

function decodeTarget(settings: AccessLogSettings): { path: string; format: CompiledFormat } | undefined {
  switch (settings.typeUrl) {
    case `${PREFIX}.file.v3.FileAccessLog`: {
      const { path, accessLogFormat: format } = decode('fileAccessLog', settings.value);
      if (format.case === 'format') return { path, format: compileText(format.value) };
      if (format.case === 'jsonFormat' || format.case === 'typedJsonFormat') return { path, format: compileJson(format.value) };
      return { path, format: format.case === 'logFormat' ? compileSubstitution(format.value) : compileText(ENVOY_DEFAULT_FORMAT) };
    }
    case `${PREFIX}.stream.v3.StdoutAccessLog`: return { path: '/dev/stdout', format: streamFormat(decode('stdoutAccessLog', settings.value).accessLogFormat) };
    case `${PREFIX}.stream.v3.StderrAccessLog`: return { path: '/dev/stderr', format: streamFormat(decode('stderrAccessLog', settings.value).accessLogFormat) };
    default: return undefined;
  }
}

const streamFormat = (format: { case: 'logFormat'; value: SubstitutionFormatString } | { case: undefined; value?: undefined }): CompiledFormat =>
  format.case === 'logFormat' ? compileSubstitution(format.value) : compileText(ENVOY_DEFAULT_FORMAT);

function compileSubstitution(format: SubstitutionFormatString): CompiledFormat {
  const { omitEmptyValues: omitEmpty } = format;
  if (format.format.case === 'jsonFormat') return compileJson(format.format.value as JsonObject, { omitEmpty });
  if (format.format.case === 'textFormat') return compileText(format.format.value, { omitEmpty });
  const source = format.format.case === 'textFormatSource' ? format.format.value.specifier : undefined;
  return compileText(source?.case === 'inlineString' ? source.value : ENVOY_DEFAULT_FORMAT, { omitEmpty });
}
