/** WasmPlugin, TrafficExtension, Telemetry, ProxyConfig. */
import { formatProblem } from '../../base/format-operators.ts';
import type { Issue } from '../issue.ts';
import type { ProxyConfigObject } from '../proxy-config.ts';
import type { Telemetry } from '../telemetry.ts';
import type { TrafficExtension } from '../traffic-extension.ts';
import type { WasmPlugin } from '../wasm-plugin.ts';
import { eachItem, Report } from './report.ts';
import { checkDuration, checkLabels, headerNameProblem } from './values.ts';

export function validateWasmPlugin(object: WasmPlugin): Issue[] {
  const report = new Report();
  checkLabels(report.at('selector', 'matchLabels'), object.spec?.selector?.matchLabels);
  checkModule(report, object.spec ?? {});
  return report.issues;
}

export function validateTrafficExtension(object: TrafficExtension): Issue[] {
  const report = new Report();
  checkLabels(report.at('selector', 'matchLabels'), object.spec?.selector?.matchLabels);
  if (object.spec?.wasm) checkModule(report.at('wasm'), object.spec.wasm);
  if ((object.spec?.wasm === undefined) === (object.spec?.lua === undefined)) report.error('exactly one of wasm or lua must be set');
  return report.issues;
}

function checkModule(report: Report, module: { url?: string; sha256?: string }): void {
  const { url = '', sha256 = '' } = module;
  if (url === '') return report.at('url').error('url field needs to be set');
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1];
  if (scheme !== undefined && !['http', 'https', 'file', 'oci'].includes(scheme)) report.at('url').error(`url must have schema one of [http, https, file, oci], not ${scheme}`);
  if (sha256 !== '' && !/^[a-f0-9]{64}$/.test(sha256)) report.at('sha256').error('must be 64 hexadecimal digits in lower case');
}

export function validateTelemetry(object: Telemetry): Issue[] {
  const report = new Report();
  const { spec } = object;
  checkLabels(report.at('selector', 'matchLabels'), spec?.selector?.matchLabels);
  eachItem(report.at('tracing'), spec?.tracing, (at, tracing) => {
    if ((tracing.providers ?? []).length > 1) at.at('providers').error('multiple providers are not currently supported');
    const percentage = tracing.randomSamplingPercentage;
    if (typeof percentage === 'number' && (percentage < 0 || percentage > 100)) at.at('randomSamplingPercentage').error(`must be a percentage from 0 to 100, not ${percentage}`);
    for (const [name, tag] of Object.entries(tracing.customTags ?? {})) {
      const tagAt = at.at('customTags', name);
      if (Object.keys(tag).length === 0) tagAt.error('needs one of literal, environment, header, formatter');
      if (tag.header) tagAt.at('header', 'name').refuse(headerNameProblem(tag.header.name));
      if (tag.formatter) tagAt.at('formatter', 'value').refuse(formatProblem(tag.formatter.value, 'header value'));
    }
  });
  eachItem(report.at('metrics'), spec?.metrics, (at, metrics) => {
    checkDuration(at.at('reportingInterval'), metrics.reportingInterval);
    eachItem(at.at('overrides'), metrics.overrides, (overrideAt, override) => {
      for (const [name, tag] of Object.entries(override.tagOverrides ?? {})) {
        const tagAt = overrideAt.at('tagOverrides', name);
        if (tag.operation === 'REMOVE' && (tag.value ?? '') !== '') tagAt.error('value must not be set when operation is REMOVE');
        if (tag.operation !== 'REMOVE' && (tag.value ?? '') === '') tagAt.error('value must be set when operation is UPSERT');
      }
    });
  });
  return report.issues;
}

/** src/proxy/bootstrap/decode-settings.ts. */
const MOST_THREADS = 256;

export function validateProxyConfig(object: ProxyConfigObject): Issue[] {
  const report = new Report();
  checkLabels(report.at('selector', 'matchLabels'), object.spec?.selector?.matchLabels);
  const { concurrency } = object.spec ?? {};
  if (typeof concurrency === 'number' && concurrency < 0) report.at('concurrency').error('concurrency must be greater than or equal to 0');
  if (typeof concurrency === 'number' && concurrency > MOST_THREADS) report.at('concurrency').warning(`our own proxy starts with at most ${MOST_THREADS} threads, and refuses to start with more`);
  return report.issues;
}
