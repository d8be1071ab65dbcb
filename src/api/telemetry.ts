/** Telemetry: which spans, metrics and log lines proxies produce. Istio: telemetry.istio.io/v1 Telemetry. */
import { LabelSelector, TargetRef, TargetRefs } from './common/selectors.ts';
import { AGE, resourceOf, type Kind, type MeshObject } from './schema/kind.ts';
import { atMostOneOf, duration } from './schema/rules.ts';
import { boolean, list, map, nullable, number, object, oneOfWords, required, rule, string, type Infer } from './schema/schema.ts';

const nonEmpty = () => string({ minLength: 1 });
const mode = () => oneOfWords('CLIENT_AND_SERVER', 'CLIENT', 'SERVER');
const providers = list(object({ name: required(nonEmpty()) }), { description: 'extensionProviders of the mesh configuration.' });

const CustomTag = object(
  {
    literal: object({ value: required(nonEmpty()) }),
    environment: object({ name: required(nonEmpty()), defaultValue: string() }),
    header: object({ name: required(nonEmpty()), defaultValue: string() }),
    formatter: object({ value: required(nonEmpty()) }),
  },
  { oneOf: [['literal', 'environment', 'header', 'formatter']] },
);

export const Tracing = object(
  {
    match: object({ mode: mode() }),
    providers,
    randomSamplingPercentage: nullable(number({ minimum: 0, maximum: 100 })),
    disableSpanReporting: nullable(boolean()),
    disableContextPropagation: nullable(boolean()),
    customTags: map(CustomTag),
    useRequestIdForTraceSampling: nullable(boolean()),
    enableIstioTags: nullable(boolean()),
  },
  { docs: { randomSamplingPercentage: "Left out: the mesh configuration's, then 1.", disableSpanReporting: 'Headers are passed on, spans are not sent.' } },
);
export type Tracing = Infer<typeof Tracing>;

export const MetricsOverride = object({
  match: object(
    {
      metric: oneOfWords(
        'ALL_METRICS',
        'REQUEST_COUNT',
        'REQUEST_DURATION',
        'REQUEST_SIZE',
        'RESPONSE_SIZE',
        'TCP_OPENED_CONNECTIONS',
        'TCP_CLOSED_CONNECTIONS',
        'TCP_SENT_BYTES',
        'TCP_RECEIVED_BYTES',
        'GRPC_REQUEST_MESSAGES',
        'GRPC_RESPONSE_MESSAGES',
      ),
      customMetric: nonEmpty(),
      mode: mode(),
    },
    { oneOf: [['metric', 'customMetric']] },
  ),
  disabled: nullable(boolean()),
  tagOverrides: map(
    object(
      { operation: oneOfWords('UPSERT', 'REMOVE'), value: string() },
      {
        rules: [
          rule("!has(self.operation) || self.operation != 'UPSERT' || self.value != ''", 'value must be set when operation is UPSERT'),
          rule("!has(self.operation) || self.operation != 'REMOVE' || !has(self.value)", 'value must not be set when operation is REMOVE'),
        ],
      },
    ),
  ),
});
export type MetricsOverride = Infer<typeof MetricsOverride>;

export const Metrics = object({ providers, overrides: list(MetricsOverride), reportingInterval: duration() });
export type Metrics = Infer<typeof Metrics>;

export const AccessLogging = object(
  { match: object({ mode: mode() }), providers, disabled: nullable(boolean()), filter: object({ expression: string() }) },
  { docs: { filter: 'A CEL expression over the request; only calls for which it is true are logged.' } },
);
export type AccessLogging = Infer<typeof AccessLogging>;

export const TelemetrySpec = object(
  { selector: LabelSelector, targetRef: TargetRef, targetRefs: TargetRefs, tracing: list(Tracing), metrics: list(Metrics), accessLogging: list(AccessLogging) },
  { rules: [atMostOneOf(['selector', 'targetRef', 'targetRefs'], 'only one of targetRefs or selector can be set')] },
);
export type TelemetrySpec = Infer<typeof TelemetrySpec>;
export type Telemetry = MeshObject<TelemetrySpec>;

export const TelemetryKind: Kind<TelemetrySpec> = {
  group: 'telemetry.istio.io',
  kind: 'Telemetry',
  plural: 'telemetries',
  shortNames: ['telemetry'],
  versions: ['v1', 'v1alpha1'],
  storage: 'v1alpha1',
  columns: [AGE],
  spec: TelemetrySpec,
  description: 'Which spans, metrics and log lines proxies produce.',
};
export const Telemetries = resourceOf<Telemetry>(TelemetryKind);
