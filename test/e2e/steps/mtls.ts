import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import type { TestContext } from 'node:test';
import { eventually } from '../../../src/testkit/eventually.ts';
import { guideBlock } from '../guide.ts';
import { SAMPLES, type TestCluster } from '../harness.ts';
import { podOf, waitForPods } from './bookinfo.ts';
import { join } from 'node:path';

const MARKER = 'plainly-readable-marker';

/** Step 6: encrypted by default, refused in the clear when told so. */
export async function mutualTls(t: TestContext, cluster: TestCluster): Promise<void> {
  await cluster.kubectl('apply', '-f', join(SAMPLES, 'httpbin/httpbin.yaml'));
  await cluster.kubectl('apply', '-f', join(SAMPLES, 'curl/curl.yaml'));
  await cluster.kubectl('create', 'namespace', 'legacy');
  await cluster.kubectl('apply', '-n', 'legacy', '-f', join(SAMPLES, 'curl/curl.yaml'));
  await waitForPods(cluster, '2/2', ['-l', 'app in (httpbin,curl)']);
  await waitForPods(cluster, '1/1', ['-n', 'legacy', '-l', 'app=curl']);
  const meshed = async (path: string, ...args: string[]) => (await cluster.exec(await podOf(cluster, 'app=curl'), ['curl', '-s', '-m', '10', ...args, `http://httpbin.default:8000${path}`], 'curl')).stdout;
  const legacyPod = await podOf(cluster, 'app=curl', 'legacy');
  const legacy = (path: string) => cluster.tryKubectl(['exec', '-n', 'legacy', legacyPod, '--', 'curl', '-s', '-S', '-m', '10', `http://httpbin.default:8000${path}`]);

  await t.test('a meshed call carries the caller’s SPIFFE identity to the server', async () => {
    const { headers } = JSON.parse(await meshed('/headers')) as { headers: Record<string, string[]> };
    assert.match(headers['X-Forwarded-Client-Cert']?.[0] ?? '', /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/curl/);
    assert.match(headers['X-Forwarded-Client-Cert']?.[0] ?? '', /By=spiffe:\/\/cluster\.local\/ns\/default\/sa\/httpbin/);
  });

  const capture = async (send: () => Promise<unknown>): Promise<Buffer> => {
    const address = await cluster.kubectl('get', 'pod', '-l', 'app=httpbin', '-o', 'jsonpath={.items[0].status.podIP}');
    return capturePacketsOf(cluster, address, send);
  };

  await t.test('its bytes on the pod’s interface are TLS and do not show the request', async () => {
    const bytes = await capture(() => meshed('/get', '-H', `x-marker: ${MARKER}`));
    assert.ok(bytes.length > 500, 'packets were captured');
    assert.equal(bytes.includes(MARKER), false, 'the header cannot be read');
    assert.ok(bytes.includes(Buffer.from([0x16, 0x03, 0x01])) || bytes.includes(Buffer.from([0x17, 0x03, 0x03])), 'there are TLS records');
  });

  await t.test('PERMISSIVE (the default) accepts the plaintext call of a pod without sidecar', async () => {
    const output = await legacy('/headers');
    assert.equal(output.code, 0, output.stderr);
    const { headers } = JSON.parse(output.stdout) as { headers: Record<string, string[]> };
    assert.equal(headers['X-Forwarded-Client-Cert'], undefined);
  });

  const peerAuthentication = (mode: string) => cluster.apply(guideBlock('kind: PeerAuthentication').replace('<namespace>', 'default').replace('STRICT', mode));

  await t.test('STRICT, as in the guide, refuses it, and meshed calls go on', async () => {
    await peerAuthentication('STRICT');
    await eventually(async () => assert.notEqual((await legacy('/get')).code, 0), { timeoutMs: 3000 });
    assert.match(await meshed('/status/200', '-o', '/dev/null', '-w', '%{http_code}'), /200/);
  });

  await t.test('PERMISSIVE accepts both again', async () => {
    await peerAuthentication('PERMISSIVE');
    await eventually(async () => assert.equal((await legacy('/get')).code, 0), { timeoutMs: 3000 });
    assert.match(await meshed('/headers'), /X-Forwarded-Client-Cert/);
  });

  await t.test('DISABLE sends plaintext', async () => {
    await peerAuthentication('DISABLE');
    const bytes = await eventually(async () => {
      const seen = await capture(() => meshed('/get', '-H', `x-marker: ${MARKER}`));
      assert.ok(seen.includes(MARKER), 'the header can be read on the wire');
      return seen;
    }, { timeoutMs: 10_000 });
    assert.ok(bytes.length > 0);
    await cluster.kubectl('delete', 'peerauthentication', 'default');
    await eventually(async () => assert.match(await meshed('/headers'), /X-Forwarded-Client-Cert/), { timeoutMs: 3000 });
  });
}

/** Records what crosses the wire to `address` while `send` runs, from inside the cluster's own network namespace. */
async function capturePacketsOf(cluster: TestCluster, address: string, send: () => Promise<unknown>): Promise<Buffer> {
  const dump = execFile('nsenter', ['-t', String(await cluster.nodePid()), '-n', 'tcpdump', '-i', 'any', '-U', '--immediate-mode', '-s', '0', '-w', '-', 'tcp', 'and', 'host', address, 'and', 'port', '8080'], { encoding: 'buffer', maxBuffer: 64 << 20 });
  const parts: Buffer[] = [];
  dump.stdout?.on('data', (part: Buffer) => parts.push(part));
  await new Promise<void>((resolve, reject) => {
    dump.stderr?.on('data', (text: Buffer) => (text.includes('listening on') ? resolve() : undefined));
    dump.on('exit', () => reject(new Error('tcpdump ended before it listened')));
  });
  const ended = new Promise<void>((resolve) => void dump.on('close', () => resolve()));
  await send();
  await new Promise((resolve) => setTimeout(resolve, 300));
  dump.kill('SIGINT');
  await ended;
  return Buffer.concat(parts);
}
