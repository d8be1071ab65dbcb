import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { builtinSchemas } from '../schema/builtin.ts';
import { PatchError } from '../patch/errors.ts';
import { ProtobufDecoder } from './decode.ts';

const decoder = new ProtobufDecoder(builtinSchemas);
const field = (number: number, value: Uint8Array | string | number | boolean): Uint8Array => {
  const writer = new BinaryWriter();
  if (typeof value === 'number' || typeof value === 'boolean') writer.tag(number, WireType.Varint).int64(Number(value));
  else writer.tag(number, WireType.LengthDelimited).bytes(typeof value === 'string' ? Buffer.from(value) : value);
  return writer.finish();
};
const message = (...fields: Uint8Array[]) => Buffer.concat(fields);
const envelope = (apiVersion: string, kind: string, body: Uint8Array) => Buffer.concat([Buffer.from('k8s\0'), field(1, message(field(1, apiVersion), field(2, kind))), field(2, body)]);

test('a config map as kubectl sends it', () => {
  const meta = message(field(1, 'a'), field(2, ''), field(3, ''), field(7, 0), field(8, ''));
  const entry = message(field(1, 'x'), field(2, '1'));
  assert.deepEqual(decoder.decode(envelope('v1', 'ConfigMap', message(field(1, meta), field(2, entry)))), {
    apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { x: '1' },
  });
});

test('inlined messages, wrapped values, repeated messages and zero behind a pointer', () => {
  const quantity = message(field(1, 'cpu'), field(2, field(1, '500m')));
  const probe = message(field(1, field(2, message(field(1, '/'), field(2, message(field(1, 0), field(2, 8080), field(3, '')))))), field(2, 0), field(3, 5));
  const container = message(field(1, 'c'), field(8, message(field(2, quantity))), field(10, probe), field(6, message(field(3, 80))), field(6, message(field(3, 81))));
  const volume = message(field(1, 'v'), field(2, field(2, '')));
  const spec = message(field(2, container), field(1, volume), field(4, 0));
  assert.deepEqual(decoder.decode(envelope('v1', 'Pod', field(2, spec))), {
    apiVersion: 'v1', kind: 'Pod',
    spec: {
      containers: [{ name: 'c', resources: { requests: { cpu: '500m' } }, livenessProbe: { httpGet: { path: '/', port: 8080 }, timeoutSeconds: 5 }, ports: [{ containerPort: 80 }, { containerPort: 81 }] }],
      volumes: [{ name: 'v', emptyDir: {} }],
      terminationGracePeriodSeconds: 0,
    },
  });
});

test('bytes that are no such object are refused', () => {
  assert.throws(() => decoder.decode(Buffer.from('{}')), /expected prefix/);
  assert.throws(() => decoder.decode(envelope('v1', 'Nonsense', new Uint8Array())), /no kind "Nonsense"/);
});

test('bytes that end too early are refused as a bad body, not as a fault of the server', () => {
  const whole = envelope('v1', 'ConfigMap', field(1, field(1, 'a')));
  for (let size = 5; size < whole.length; size++) {
    try {
      decoder.decode(whole.subarray(0, size));
    } catch (error) {
      assert.ok(error instanceof PatchError, String(error));
    }
  }
  assert.throws(() => decoder.decode(whole.subarray(0, whole.length - 1)), PatchError);
});
