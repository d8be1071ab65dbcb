import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import { eventually } from '../../../src/testkit/eventually.ts';
import type { TestCluster } from '../harness.ts';
import { podOf, waitForPods } from './bookinfo.ts';
import { flowsWhile, pause } from './robustness-load.ts';
import { podProcess, restartsOf, statusOf } from './robustness-processes.ts';

/** A sidecar that dies takes its own pod's traffic with it for a moment, and nobody else's. */
export async function loseSidecar(t: TestContext, cluster: TestCluster, base: string): Promise<void> {
  await t.test('a killed sidecar comes back; pods that do not use it notice nothing', async () => {
    const { pid } = await statusOf(cluster);
    // All go to reviews v1, so nobody needs this one.
    const victim = await podOf(cluster, 'app=reviews,version=v2');
    await flowsWhile(cluster, base, async () => {
      process.kill(podProcess(pid, victim, /proxy\.cjs proxy sidecar/), 'SIGKILL');
      await eventually(async () => assert.equal(await restartsOf(cluster, victim, 'istio-proxy'), 1), { timeoutMs: 20_000, everyMs: 200 });
      await waitForPods(cluster, '2/2', ['-l', 'app=reviews,version=v2'], 30_000);
    });
  });

  await t.test('a killed sidecar of a pod in use comes back, and its traffic with it', async () => {
    const { pid } = await statusOf(cluster);
    const victim = await podOf(cluster, 'app=details');
    process.kill(podProcess(pid, victim, /proxy\.cjs proxy sidecar/), 'SIGKILL');
    await eventually(async () => assert.equal(await restartsOf(cluster, victim, 'istio-proxy'), 1), { timeoutMs: 20_000, everyMs: 200 });
    await waitForPods(cluster, '2/2', ['-l', 'app=details'], 30_000);
    await flowsWhile(cluster, base, () => pause(2000));
  });
}

const MALFORMED: readonly (readonly [name: string, bytes: string])[] = [
  ['a request line without a version', 'GET /productpage\r\nHost: x\r\n\r\n'],
  ['a length and chunked at once', 'POST /productpage HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a line folded', 'GET /productpage HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n 2\r\n\r\n'],
  ['a bare line feed', 'GET /productpage HTTP/1.1\nHost: x\n\n'],
  ['a space before the colon', 'GET /productpage HTTP/1.1\r\nHost : x\r\n\r\n'],
  ['two hosts', 'GET /productpage HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
  ['no host', 'GET /productpage HTTP/1.1\r\n\r\n'],
  ['a chunk size that is none', 'POST /productpage HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n'],
];

/** Strangers on the ingress. */
export async function sendGarbage(t: TestContext, cluster: TestCluster, base: string): Promise<void> {
  const port = Number(new URL(base).port);
  const isFine = async () => assert.equal((await cluster.get(`${base}/productpage`)).status, 200);

  for (const [name, bytes] of MALFORMED) {
    await t.test(`${name} is answered with 400 and a closed connection`, async () => {
      const { text, closed } = await exchange(port, Buffer.from(bytes, 'latin1'));
      assert.match(text, /^HTTP\/1\.1 400 /);
      assert.equal(text.split('HTTP/1.1 ').length, 2, 'one answer, and nothing after it');
      assert.ok(closed);
      await isFine();
    });
  }

  await t.test('a ClientHello torn in the middle, on the plain and on the TLS port', async () => {
    const { published } = await statusOf(cluster);
    const tlsPort = published.find((entry) => entry.name === 'istio-ingressgateway' && entry.port === 443)?.hostPort;
    assert.ok(tlsPort);
    const torn = Buffer.concat([Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), Buffer.alloc(40, 7)]);
    for (const at of [port, tlsPort]) {
      for (let i = 0; i < 20; i++) await hangUpAfter(at, torn);
      await isFine();
    }
  });

  await t.test('requests torn in the middle of their head and of their body', async () => {
    for (const bytes of ['GET /productpage HT', 'GET /productpage HTTP/1.1\r\nHost: x\r\nX-', 'POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf']) {
      for (let i = 0; i < 10; i++) await hangUpAfter(port, Buffer.from(bytes));
    }
    await isFine();
  });

  await t.test('random bytes', async () => {
    for (let i = 0; i < 30; i++) {
      const bytes = Buffer.from(Array.from({ length: 200 }, (_, at) => (at * 131 + i * 197) & 0xff));
      await hangUpAfter(port, bytes);
    }
    await isFine();
  });
}

/** Sends bytes and reads until the other side closes; `closed` is false when it did not within 5 s. */
function exchange(port: number, bytes: Buffer): Promise<{ text: string; closed: boolean }> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const finish = (closed: boolean) => {
      socket.destroy();
      resolve({ text, closed });
    };
    socket.setTimeout(5000, () => finish(false));
    socket.on('data', (part) => (text += part.toString('latin1')));
    socket.on('end', () => finish(true));
    socket.on('error', reject);
  });
}

/** Sends bytes and resets the connection once they are out. */
function hangUpAfter(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, () => socket.resetAndDestroy()));
    // The other side may have reset it first: that is an answer too.
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
}

/** Everything that serves the product page is replaced while it is in use. */
export async function rollUnderLoad(t: TestContext, cluster: TestCluster, base: string): Promise<void> {
  for (const deployment of ['reviews-v1', 'productpage-v1']) {
    await t.test(`a rolling restart of ${deployment} under 50 requests/s fails none of them`, async () => {
      await flowsWhile(cluster, base, async () => {
        await pause(500);
        await cluster.kubectl('rollout', 'restart', `deployment/${deployment}`);
        await cluster.kubectl('rollout', 'status', `deployment/${deployment}`, '--timeout=60s');
        // Until the old pod is gone: it still serves while it ends.
        await eventually(async () => assert.equal((await cluster.kubectl('get', 'pods', '--no-headers', '-l', `app=${deployment.split('-')[0]},version=v1`)).trim().split('\n').length, 1), { timeoutMs: 45_000, everyMs: 300 });
      });
    });
  }
}
