/** Plugins: modules in the chains of sidecars and gateways. */
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wasmModule, type ModuleName } from '../../../src/testkit/wasm-modules.ts';
import { gateway, get, object, outside, post, virtualService, type AskExpectation, type Scenario } from '../scenario.ts';

/** Where both proxies can read modules. Named by what is in them: they are never another. */
const HOME = join(tmpdir(), 'lateen-modules');

async function moduleFile(name: ModuleName): Promise<string> {
  const bytes = await wasmModule(name);
  const path = join(HOME, `${hash('sha256', bytes)}.wasm`);
  mkdirSync(HOME, { recursive: true, mode: 0o755 });
  // Whole or not at all: others who load the scenarios write it too, while it is read.
  if (!existsSync(path)) {
    const draft = `${path}.${process.pid}`;
    writeFileSync(draft, bytes, { mode: 0o644 });
    renameSync(draft, path);
  }
  return `file://${path}`;
}

const NAMES = ['marks requests', 'tells its configuration', 'refuses', 'traps', 'rewrites requests', 'tells its name', 'replaces answers', 'edits bodies', 'reads bodies', 'asks another'] as const satisfies readonly ModuleName[];
const FILES = new Map<ModuleName, string>(await Promise.all(NAMES.map(async (name) => [name, await moduleFile(name)] as const)));

const plugin = (module: ModuleName, spec = '', name = 'plugin', namespace = 'default'): string =>
  object('extensions.istio.io/v1alpha1', 'WasmPlugin', { spec: `{url: "${FILES.get(module)}"${spec === '' ? '' : `, ${spec}`}}`, name, namespace });

const seen = (headers: Readonly<Record<string, string | null>>, more: object = {}): AskExpectation => ({ status: 200, seen: [{ headers, ...more }] });
const CLIENT = 'selector: {matchLabels: {app: client}}';
const DENY = object('security.istio.io/v1', 'AuthorizationPolicy', { spec: '{selector: {matchLabels: {app: server}}, action: DENY, rules: [{to: [{operation: {paths: ["/rewritten"]}}]}]}', name: 'deny', namespace: 'default' });
const of = (fields: readonly string[]): string[] => fields.map((field) => `WasmPlugin.${field}`);

export const WASM: readonly Scenario[] = [
  {
    name: 'a plugin marks requests',
    covers: of(['url']),
    without: { 'WasmPlugin.url': FILES.get('rewrites requests') },
    mesh: plugin('marks requests', CLIENT),
    steps: [get('one/x', seen({ 'x-wasm': 'yes' })), post('one/x', 'body', seen({ 'x-wasm': 'yes' }, { body: 'body' }))],
  },
  {
    name: 'a plugin is given its configuration',
    covers: of(['pluginConfig']),
    mesh: plugin('tells its configuration', `${CLIENT}, pluginConfig: {answer: 42, list: [a]}`),
    steps: [get('one/x', { status: 200, headers: { 'x-configured': '{"answer":42,"list":["a"]}' } })],
  },
  {
    name: 'a plugin knows what it is called',
    mesh: plugin('tells its name', CLIENT),
    steps: [get('one/x', { status: 200, headers: { 'x-property': 'default.plugin' } })],
  },
  {
    name: 'a plugin is for the pods that it selects',
    covers: of(['selector.matchLabels{}']),
    mesh: plugin('marks requests', 'selector: {matchLabels: {app: nobody}}'),
    steps: [get('one/x', seen({ 'x-wasm': null }))],
  },
  {
    name: 'a plugin answers by itself',
    mesh: plugin('refuses', CLIENT),
    steps: [get('one/x', { status: 403, body: 'not today', headers: { 'x-why': 'no' }, seen: [], log: { details: 'refused_by_plugin' } }), post('one/x', 'body', { status: 403 })],
  },
  {
    name: 'a plugin rewrites what a request asks for',
    mesh: plugin('rewrites requests', CLIENT),
    steps: [get('one/as/sent', seen({ 'x-seen': '/as/sent', 'x-gone': null }, { path: '/rewritten' }), { headers: { 'x-gone': '1' } })],
  },
  {
    name: 'a plugin that breaks off closes what it stands in',
    covers: of(['failStrategy']),
    without: { 'WasmPlugin.failStrategy': 'FAIL_OPEN' },
    mesh: plugin('traps', `${CLIENT}, failStrategy: FAIL_CLOSE`),
    steps: [get('one/x', { status: 200 }), get('one/x', { status: 503, body: '' }, { headers: { 'x-trap': '1' } }), get('one/x', { status: 503 })],
  },
  {
    name: 'a plugin that may fail is passed over when it has',
    // Apart from the one before: Envoy runs modules that are alike in one machine.
    mesh: plugin('traps', `${CLIENT}, failStrategy: FAIL_OPEN, vmConfig: {env: [{name: APART, value: "yes"}]}`),
    steps: [get('one/x', { status: 200 }, { headers: { 'x-trap': '1' } }), get('one/x', { status: 200 })],
  },
  {
    name: 'of several plugins the one with the higher priority is first',
    covers: of(['priority']),
    mesh: [plugin('rewrites requests', CLIENT, 'first'), plugin('refuses', `${CLIENT}, priority: 10`, 'second')],
    steps: [get('one/x', { status: 403, log: { path: '/x' } })],
  },
  {
    name: 'a plugin of a phase stands before what that phase is before',
    covers: of(['phase']),
    mesh: [plugin('rewrites requests', 'selector: {matchLabels: {app: server}}, phase: AUTHN'), DENY],
    steps: [get('server/x', { status: 403, seen: [] })],
  },
  {
    name: 'a plugin is on the side and the port that it matches',
    covers: of(['match[].mode', 'match[].ports[].number']),
    without: { 'WasmPlugin.match[].mode': 'SERVER', 'WasmPlugin.match[].ports[].number': 81 },
    mesh: plugin('marks requests', `${CLIENT}, match: [{mode: CLIENT, ports: [{number: 80}]}]`),
    steps: [get('one/x', seen({ 'x-wasm': 'yes' }))],
  },
  {
    name: 'a plugin edits bodies',
    mesh: plugin('edits bodies', CLIENT),
    steps: [post('one/x', 'hello', { status: 200, body: />/, seen: [{ body: 'hello!' }] }), get('one/x', { status: 200, body: /^>/ })],
  },
  {
    name: 'a plugin refuses what it reads in a body',
    mesh: plugin('reads bodies', CLIENT),
    steps: [post('one/x', 'good', { status: 200 }), post('one/x', 'xyz', { status: 403, body: 'bad body' })],
    // How far the request has come by then is chance; Envoy closes, since the end of it comes to it by itself, after all of the body.
    ignores: ['seen', 'answer.headers.connection'],
  },
  {
    name: 'a plugin asks another service, and lets the request wait',
    mesh: plugin('asks another', `${CLIENT}, pluginConfig: {"outbound|80||other.default.svc.cluster.local": true}`),
    steps: [post('one/x', 'kept', { status: 200, seen: [{ headers: { 'x-asked': /^\d+$/ }, body: 'kept' }] })],
  },
  {
    name: 'a plugin stands in a gateway',
    mesh: [gateway('{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*.shop.test"]}]}'), virtualService('{hosts: [a.shop.test], gateways: [gw], http: [{route: [{destination: {host: one}}]}]}'), plugin('marks requests', 'selector: {matchLabels: {istio: ingressgateway}}', 'edge', 'istio-system')],
    steps: [outside('a.shop.test/x', seen({ 'x-wasm': 'yes' }))],
  },
  {
    name: 'a plugin puts its answer in the place of another',
    mesh: plugin('replaces answers', CLIENT),
    steps: [get('one/x', { status: 418, body: 'instead' })],
  },
];
