/** Parts that are worked out anew often and seldom differ: told to be the same by a digest of their content. */
import { hash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { FilterChainSchema } from '../../xds/generated/envoy/config/listener/v3/listener_components_pb.js';
import { HttpConnectionManagerSchema } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { Context } from '../translate/context.ts';
import { buildSecurity, type SecurityPlan } from '../translate/security.ts';
import type { HttpFilterInit } from '../translate/http-filters.ts';
import type { Plugin } from '../translate/wasm.ts';
import { telemetryPlan, type Side, type TelemetryPlan } from '../translate/telemetry.ts';

/** With a digest of all of it, and of what does not depend on the workload. */
export type StableTelemetry = TelemetryPlan & { readonly digest: string; readonly logs: string };
export type StableSecurity = SecurityPlan & { readonly digest: string };

export function stableTelemetry(context: Context, side: Side, before: StableTelemetry | undefined): StableTelemetry {
  const plan = telemetryPlan(context, side);
  const digest = telemetryDigest(plan);
  return before?.digest === digest ? before : { ...plan, digest, logs: telemetryDigest({ accessLog: plan.accessLog, tcpLog: plan.tcpLog, refusals: plan.refusals, outcomes: plan.outcomes, plugins: plan.plugins }) };
}

export function stableSecurity(context: Context, before: StableSecurity | undefined): StableSecurity {
  const security = buildSecurity(context);
  const digest = securityDigest(security);
  return before?.digest === digest ? before : { ...security, digest };
}

const telemetryDigest = ({ accessLog, outcomes, tracing, plugins }: TelemetryPlan): string =>
  hash('sha1', toBinary(HttpConnectionManagerSchema, create(HttpConnectionManagerSchema, { accessLog: [...accessLog, ...outcomes], tracing }))) + pluginsDigest(plugins);

const pluginsDigest = (plugins: readonly Plugin[]): string =>
  plugins.length === 0 ? '' : filtersDigest(plugins.map(({ filter }) => filter)) + plugins.map(({ phase, ports }) => `${phase} ${ports ? [...ports].join() : '*'}`).join(';');

const filtersDigest = (filters: readonly HttpFilterInit[]): string => hash('sha1', toBinary(HttpConnectionManagerSchema, create(HttpConnectionManagerSchema, { httpFilters: [...filters] })));

const securityDigest = ({ authn, authz, tcp, guards, extensions }: SecurityPlan): string =>
  filtersDigest([...authn, ...authz, ...extensions.map(({ name, typedConfig }): HttpFilterInit => ({ name, configType: { case: 'typedConfig', value: typedConfig } }))]) +
  hash('sha1', toBinary(FilterChainSchema, create(FilterChainSchema, { filters: [...tcp] }))) +
  guards.join();
