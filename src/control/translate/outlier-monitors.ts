import { create } from '@bufbuild/protobuf';
import type { OutlierDetection } from '../../api/common/traffic-policy.ts';
import { type TypedExtensionConfig, TypedExtensionConfigSchema } from '../../xds/generated/envoy/config/core/v3/extension_pb.js';
import { ConsecutiveErrorsSchema } from '../../xds/generated/envoy/extensions/outlier_detection_monitors/consecutive_errors/v3/consecutive_errors_pb.js';
import { pack } from './message.ts';

const DEFAULT_ERRORS = 5;

/** Which status codes count as errors, when an object lists them instead of taking 5xx. A connection that fails counts as 503.
 * Envoy: ConsecutiveErrors. */
export function outlierMonitors(settings: OutlierDetection): TypedExtensionConfig[] {
  const codes = settings.outlierDetectionHttpErrorCodes ?? [];
  if (codes.length === 0) return [];
  const threshold = settings.consecutive5xxErrors ?? settings.consecutiveErrors ?? DEFAULT_ERRORS;
  const config = pack(ConsecutiveErrorsSchema, {
    name: 'http-error-codes',
    threshold: threshold > 0 ? threshold : DEFAULT_ERRORS,
    enforcing: threshold > 0 ? 100 : 0,
    errorBuckets: { httpErrors: ranges(codes) },
  });
  return [create(TypedExtensionConfigSchema, { name: 'envoy.outlier_detection_monitors.consecutive_errors', typedConfig: config })];
}

/** Neighbouring codes as one range; Envoy takes the end as part of it. */
function ranges(codes: readonly number[]): { range: { start: number; end: number } }[] {
  const out: { range: { start: number; end: number } }[] = [];
  for (const code of [...new Set(codes)].sort((a, b) => a - b)) {
    const last = out.at(-1);
    if (last?.range.end === code - 1) last.range.end = code;
    else out.push({ range: { start: code, end: code } });
  }
  return out;
}
