/** Short digests of parts, by which two of the same content are told to be the same. */
import { hash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { FilterChainSchema } from '../../xds/generated/envoy/config/listener/v3/listener_components_pb.js';
import { HttpConnectionManagerSchema } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { Security } from '../translate/security.ts';
import type { TelemetryPlan } from '../translate/telemetry.ts';

export const fingerprintTelemetry = ({ accessLog, outcomes, tracing }: TelemetryPlan): string =>
  hash('sha1', toBinary(HttpConnectionManagerSchema, create(HttpConnectionManagerSchema, { accessLog: [...accessLog, ...outcomes], tracing })));

export const fingerprintSecurity = ({ http, tcp }: Security): string =>
  hash('sha1', toBinary(HttpConnectionManagerSchema, create(HttpConnectionManagerSchema, { httpFilters: [...http] }))) +
  hash('sha1', toBinary(FilterChainSchema, create(FilterChainSchema, { filters: [...tcp] })));
