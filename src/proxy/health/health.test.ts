import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import test from 'node:test';
import { silentLog } from '../../base/log.ts';
import { createAuthority } from '../../pki/authority.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { deadPort, httpUpstream, listen, tcpUpstream } from '../../testkit/loopback.ts';
import { SettingsReader } from '../bootstrap/sources.ts';
import { createHealthChecker, failureOf } from './health-checker.ts';
import { HealthState } from './health-state.ts';
import { readReadinessProbe, type ProbeMethod } from './readiness-probe.ts';

const DEFAULTS = { initialDelayMs: 0, periodMs: 10_000, timeoutMs: 1_000, successThreshold: 1, failureThreshold: 1 };
const READ: readonly (readonly [string, unknown, object])[] = [
  ['with the defaults', { httpGet: { port: 80 } }, { ...DEFAULTS, method: { kind: 'http', host: 'localhost', port: 80, path: '/', isTls: false, headers: [] } }],
  ['with everything', { initialDelaySeconds: 1, periodSeconds: 2, timeoutSeconds: 3, successThreshold: 4, failureThreshold: 5, httpGet: { port: 8443, host: 'app.test', path: 'ready', scheme: 'HTTPS', httpHeaders: [{ name: 'A', value: 'b' }] } },
    { initialDelayMs: 1_000, periodMs: 2_000, timeoutMs: 3_000, successThreshold: 4, failureThreshold: 5, method: { kind: 'http', host: 'app.test', port: 8443, path: '/ready', isTls: true, headers: [['A', 'b']] } }],
  ['of 0, which stands for the default', { periodSeconds: 0, failureThreshold: 0, tcpSocket: { port: 80 } }, { ...DEFAULTS, method: { kind: 'tcp', host: 'localhost', port: 80 } }],
  ['of a socket elsewhere', { tcpSocket: { host: '10.1.1.1', port: 80 } }, { ...DEFAULTS, method: { kind: 'tcp', host: '10.1.1.1', port: 80 } }],
  ['by a command', { exec: { command: ['test', '-e', '/x'] } }, { ...DEFAULTS, method: { kind: 'exec', command: ['test', '-e', '/x'] } }],
  ['by gRPC', { grpc: { port: 9, service: 's' } }, { ...DEFAULTS, method: { kind: 'grpc', host: 'localhost', port: 9, service: 's' } }],
];
for (const [what, value, expected] of READ) {
  test(`a probe is read ${what}`, () => {
    const reader = new SettingsReader({});
    assert.deepEqual(readReadinessProbe(value, reader), expected);
    assert.deepEqual(reader.problems, []);
  });
}

const BAD: readonly (readonly [unknown, RegExp])[] = [
  [{}, /exactly one of httpGet, tcpSocket, exec, grpc must be set, not none/],
  [{ httpGet: { port: 1 }, tcpSocket: { port: 1 } }, /not httpGet and tcpSocket/],
  [{ tcpSocket: {} }, /readinessProbe.tcpSocket.port: is required/],
  [{ tcpSocket: { port: 70_000 } }, /readinessProbe.tcpSocket.port: 70000 is not/],
  [{ tcpSocket: { port: 1 }, periodSeconds: -1 }, /readinessProbe.periodSeconds/],
  [{ exec: { command: [] } }, /readinessProbe.exec.command/],
  [{ httpGet: { port: 1, path: 7 } }, /readinessProbe.httpGet.path: 7 is not text/],
];
for (const [value, problem] of BAD) {
  test(`a probe ${JSON.stringify(value)} is refused by name`, () => {
    const reader = new SettingsReader({});
    assert.equal(readReadinessProbe(value, reader), undefined);
    assert.match(reader.problems.join(), problem);
  });
}

const RUNS: readonly (readonly [string, { successThreshold: number; failureThreshold: number }, string, string])[] = [
  ['news comes once', { successThreshold: 1, failureThreshold: 1 }, '++--+', '+.-.+'],
  ['from the beginning ill', { successThreshold: 1, failureThreshold: 2 }, '---', '.-.'],
  ['as many as the thresholds say, in a row', { successThreshold: 2, failureThreshold: 3 }, '+-++--+---++', '...+.....-.+'],
];
for (const [what, thresholds, probes, news] of RUNS) {
  test(`verdicts: ${what}`, () => {
    const state = new HealthState(thresholds);
    assert.equal([...probes].map((probe) => (state.note(probe === '+') ? probe : '.')).join(''), news);
  });
}

interface Course {
  readonly at: number[];
  readonly reports: string[];
}

function course(probe: object, answers: () => string | undefined, notReady: () => string | undefined = () => undefined) {
  const clock = new FakeClock(0);
  const seen: Course = { at: [], reports: [] };
  const read = readReadinessProbe({ tcpSocket: { port: 1 }, ...probe }, new SettingsReader({}));
  assert.ok(read);
  const check = () => {
    seen.at.push(clock.now() / 1000);
    return Promise.resolve(answers());
  };
  const checker = createHealthChecker({ probe: read, instanceIp: '10.0.0.1', notReady, check, report: ({ isHealthy, message }) => void seen.reports.push(`${clock.now() / 1000} ${isHealthy ? 'well' : message}`), clock, log: silentLog });
  checker.start();
  return { clock, seen, checker };
}

test('probes begin after the delay and come once a period; only a change of the verdict is told', async () => {
  let answer: string | undefined;
  const { clock, seen } = course({ initialDelaySeconds: 3, periodSeconds: 5, failureThreshold: 2 }, () => answer);
  await clock.advance(9_000);
  answer = 'refused';
  await clock.advance(10_000);
  answer = undefined;
  await clock.advance(5_000);
  assert.deepEqual(seen.at, [3, 8, 13, 18, 23]);
  assert.deepEqual(seen.reports, ['3 well', '18 refused', '23 well']);
});

test('nothing is said before the proxy is ready; later an application behind one that is not is ill, and one whose machine goes says so at once', async () => {
  let why: string | undefined = 'no certificate';
  const { clock, seen, checker } = course({ periodSeconds: 10 }, () => undefined, () => why);
  await clock.advance(1_000);
  why = undefined;
  await clock.advance(1_000);
  why = 'health was set to fail';
  await clock.advance(10_000);
  why = undefined;
  await clock.advance(10_000);
  checker.end('the proxy is draining');
  checker.end('again');
  await clock.advance(10_000);
  assert.deepEqual(seen.reports, ['1.25 well', '11.25 health was set to fail', '21.25 well', '22 the proxy is draining']);
});

const AT = { timeoutMs: 5000, instanceIp: '10.0.0.1' };
/** For what never answers. */
const SOON = { ...AT, timeoutMs: 300 };
const http = (port: number, over: object = {}): ProbeMethod => ({ kind: 'http', host: 'localhost', port, path: '/', isTls: false, headers: [], ...over });

test('over HTTP the path, the headers and the status count', async (t) => {
  const asked: [IncomingMessage, from: string | undefined][] = [];
  const port = await httpUpstream(t, (request, response) => {
    asked.push([request, request.socket.remoteAddress]);
    if (request.url !== '/hangs') response.writeHead(Number(request.url?.slice(1)) || 200).end();
  });
  assert.equal(await failureOf(http(port, { path: '/399', headers: [['X-Probe', 'yes'], ['Host', 'app.test']] }), AT), undefined);
  const [{ url, headers } = assert.fail('nobody asked'), from] = asked[0] ?? [];
  assert.deepEqual([url, headers['x-probe'], headers.host, headers['user-agent'], from], ['/399', 'yes', 'app.test', 'lateen-probe', '127.0.0.6']);
  assert.equal(await failureOf(http(port, { path: '/503' }), AT), 'the application answered 503');
  assert.match((await failureOf(http(port, { path: '/hangs' }), SOON)) ?? '', /did not answer within 300 ms/);
  assert.match((await failureOf(http(port, { isTls: true }), AT)) ?? '', /./, 'no TLS is spoken there');
  assert.match((await failureOf(http(port, { host: '127.0.0.9' }), AT)) ?? '', /ECONNREFUSED/, 'nobody is at another address');
});

test('over HTTPS no certificate is asked for a name', async (t) => {
  const { certificatePem: cert, keyPem: key } = createAuthority({ commonName: 'root', lifetimeMs: 3_600_000 }).issue({ sans: { dns: ['elsewhere.test'] }, lifetimeMs: 3_600_000, usages: ['server'] });
  const server = createSecureServer({ cert, key }, (_request, response) => response.end());
  const port = await listen(t, server, () => server.closeAllConnections());
  assert.equal(await failureOf(http(port, { isTls: true }), AT), undefined);
  assert.match((await failureOf(http(port), AT)) ?? '', /./);
});

test('a socket is well that takes connections', async (t) => {
  const tcp = (port: number) => failureOf({ kind: 'tcp', host: 'localhost', port }, AT);
  assert.equal(await tcp(await tcpUpstream(t, (socket) => socket.end())), undefined);
  assert.match((await tcp(await deadPort())) ?? '', /ECONNREFUSED/);
});

test('a command is well that ends with 0 in time', async () => {
  const run = (command: readonly [string, ...string[]], at = AT) => failureOf({ kind: 'exec', command }, at);
  assert.equal(await run(['true']), undefined);
  assert.equal(await run(['sh', '-c', 'echo no disk >&2; exit 3']), 'sh ended with 3: no disk');
  assert.equal(await run(['sleep', '60'], SOON), 'sleep did not end within 300 ms');
  assert.match((await run(['/nowhere'])) ?? '', /\/nowhere cannot be run/);
});
