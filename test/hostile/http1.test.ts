/** What harmful bytes on an HTTP/1 connection come to: an answer or an end, never a request that the client did not frame. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { hcm, inlineRoutes, listener, routeTo, startProxy, staticCluster } from '../../src/proxy/testkit/proxy.ts';
import { HTTP1_CASES, type Http1Case } from './http1-cases.ts';
import { exchange, type Reply } from './raw-exchange.ts';
import { startRecorder, type Recorder } from './recorder.ts';

const QUIET_MS = 150;

async function setUp(t: TestContext): Promise<{ port: number; recorder: Recorder }> {
  const recorder = await startRecorder();
  t.after(() => recorder.close());
  const proxy = startProxy(t, { clusters: [staticCluster('up', [recorder.port])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]), { merge_slashes: false, delayed_close_timeout: '0.03s' })])] });
  return { port: await proxy.port(), recorder };
}

function judge(one: Http1Case, reply: Reply, reached: readonly string[]): void {
  const final = reply.statuses.filter((status) => status >= 200);
  if (one.verdict === 'ok') {
    assert.deepEqual(reached, one.reaches);
    assert.deepEqual(final, (one.reaches ?? []).map(() => 200));
    return;
  }
  assert.deepEqual(reached, one.reaches ?? [], 'nothing of it reaches the upstream');
  // Refused after an answer that was due, or at once.
  assert.equal(reply.closed || final.some((status) => status === 403 || status === 404), true, `the connection ends; answered ${final.join()}`);
  if (one.verdict === 'close') assert.ok(final.length === 0 || final[0] === 400);
  else if (one.verdict === 'refused') assert.ok(final.every((status) => status >= 400), `answered ${final.join()}`);
  else assert.deepEqual(final, [one.verdict]);
}

/** Whether it is already as it should become. */
function isJudged(one: Http1Case, reply: Reply, reached: readonly string[]): boolean {
  try {
    judge(one, reply, reached);
    return true;
  } catch {
    return false;
  }
}

/** Sends it, and judges what comes of it. */
async function tryOut(one: Http1Case, { port, recorder }: { port: number; recorder: Recorder }, isSlow = false): Promise<void> {
  const reply = await exchange(port, Buffer.from(one.bytes, 'latin1'), QUIET_MS, { isSlow, isEnough: (now) => isJudged(one, now, recorder.seen()) });
  judge(one, reply, recorder.take());
}

test('HTTP/1: harmful and wrong requests', async (t) => {
  const lab = await setUp(t);
  for (const one of HTTP1_CASES) await t.test(one.name, () => tryOut(one, lab));
  await t.test('afterwards others are served as before', async () => {
    const reply = await exchange(lab.port, Buffer.from('GET /after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), 2000);
    assert.deepEqual(reply.statuses, [200]);
  });
});

test('one byte at a time the verdicts are the same', async (t) => {
  const lab = await setUp(t);
  for (const one of HTTP1_CASES.filter(({ bytes }) => bytes.length < 400)) await t.test(one.name, () => tryOut(one, lab, true));
});
