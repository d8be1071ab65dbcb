/** How names of headers are written to HTTP/1. Our own proxy leaves them as they come; Envoy makes them small unless it is told.
 * Istio: ProxyConfig.proxyHeaders.preserveHttp1HeaderCase. */
import type { Http1ProtocolOptions_HeaderKeyFormatSchema } from '../../xds/generated/envoy/config/core/v3/protocol_pb.js';
import { PreserveCaseFormatterConfigSchema } from '../../xds/generated/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.js';
import { proxyDefaults, type Context } from './context.ts';
import { pack, type Init } from './message.ts';

export type HeaderCase = Init<typeof Http1ProtocolOptions_HeaderKeyFormatSchema>;

export const keepsHeaderCase = (context: Pick<Context, 'settings' | 'proxy'>): boolean => proxyDefaults(context).proxyHeaders?.preserveHttp1HeaderCase === true;

export const headerCase = (context: Pick<Context, 'settings' | 'proxy'>): HeaderCase | undefined =>
  keepsHeaderCase(context)
    ? { headerFormat: { case: 'statefulFormatter', value: { name: 'preserve_case', typedConfig: pack(PreserveCaseFormatterConfigSchema) } } }
    : undefined;
