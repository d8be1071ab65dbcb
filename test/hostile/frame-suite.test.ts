/** Frames out of a suite of others, with their meaning: our reader takes them apart as it says, and a connection ends for the reason that it gives. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { FrameReader } from '../../src/codec/http2/frame-reader.ts';
import { ErrorCode, Flag, FRAME_HEAD_BYTES, FrameType } from '../../src/codec/http2/frames.ts';
import { hcm, inlineRoutes, listener, routeTo, startProxy, staticCluster } from '../../src/proxy/testkit/proxy.ts';
import { singles } from '../fuzz/target.ts';
import { headers, nameOf, RawHttp2Client, REQUEST } from './raw-http2.ts';
import { startRecorder } from './recorder.ts';

const SUITE = '../shared/data/suites/http2-frames';
const skip = existsSync(SUITE) ? false : 'the suite is not beside the repository';

interface SuiteFrame {
  readonly description: string;
  readonly wire: string;
  /** Codes that it may be refused with. */
  readonly error: readonly number[] | null;
  readonly frame: { readonly type: number; readonly flags: number; readonly stream_identifier: number; readonly length: number; readonly frame_payload: { readonly data?: string } } | null;
}

const CASES: readonly (SuiteFrame & { readonly name: string })[] = skip !== false ? [] : readdirSync(SUITE, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.json')).sort()
  // The suite's own form.
  .map((name) => ({ name, ...(JSON.parse(readFileSync(join(SUITE, name), 'utf8')) as SuiteFrame) }));

function read(parts: readonly Buffer[]): unknown {
  const frames: { type: number; flags: number; streamId: number; length: number; payload: Buffer }[] = [];
  const reader = new FrameReader({
    onFrame: (type, flags, streamId, payload) => void frames.push({ type, flags, streamId, length: payload.length, payload: Buffer.from(payload) }),
    onDataHead: (streamId, flags, length) => void frames.push({ type: FrameType.Data, flags, streamId, length, payload: Buffer.alloc(0) }),
    onDataPiece(_streamId, chunk) {
      const frame = frames.at(-1);
      if (frame) frame.payload = Buffer.concat([frame.payload, chunk]);
    },
    onDataEnd() {},
    onFrameError: (code, reason) => assert.fail(`${nameOf(code)}: ${reason}`),
  });
  for (const part of parts) reader.feed(part, 0);
  return frames;
}

test('frames of the suite are taken apart as it says', { skip }, async (t) => {
  for (const { name, wire, frame } of CASES) {
    if (!frame) continue;
    await t.test(name, () => {
      const bytes = Buffer.from(wire, 'hex');
      const payload = frame.type === FrameType.Data ? Buffer.from(frame.frame_payload.data ?? '') : bytes.subarray(FRAME_HEAD_BYTES);
      const expected = [{ type: frame.type, flags: frame.flags, streamId: frame.stream_identifier, length: frame.length, payload }];
      assert.deepEqual(read([bytes]), expected);
      assert.deepEqual(read(singles(bytes)), expected, 'byte by byte');
    });
  }
});

test('a connection ends, or a stream, for the reason that the suite gives', { skip }, async (t) => {
  const recorder = await startRecorder();
  t.after(() => recorder.close());
  const proxy = startProxy(t, { clusters: [staticCluster('up', [recorder.port])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]), { codec_type: 'HTTP2' })])] });
  const port = await proxy.port();
  for (const { name, wire, error } of CASES) {
    if (!error) continue;
    await t.test(name, async () => {
      const bytes = Buffer.from(wire, 'hex');
      const streamId = bytes.readUInt32BE(5) & 0x7fffffff;
      const client = new RawHttp2Client(port).open();
      t.after(() => client.destroy());
      const opens = bytes[3] !== FrameType.Headers && streamId % 2 === 1;
      if (opens) client.send(headers(streamId, REQUEST, Flag.EndHeaders));
      client.send(bytes);
      await client.until((c) => c.goAway !== undefined || c.resets.has(streamId));
      const code = client.goAway?.code ?? client.resets.get(streamId);
      // A client opens no streams with even numbers: that alone is a fault.
      const allowed = streamId > 0 && streamId % 2 === 0 ? [...error, ErrorCode.Protocol] : error;
      assert.ok(code !== undefined && allowed.includes(code), `${nameOf(code)} ${client.goAway?.reason ?? ''}`);
    });
  }
});
