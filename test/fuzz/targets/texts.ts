import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeMeshConfig } from '../../../src/api/mesh-config.ts';
import { explainYamlError, readObjects } from '../../../src/api/yaml.ts';
import { cidrContains, parseAddress, parseCidr } from '../../../src/base/cidr.ts';
import { formatDuration, parseDuration } from '../../../src/base/duration.ts';
import { text, type Target } from '../target.ts';

const SAMPLES = join(import.meta.dirname, '../../../samples/bookinfo');

const yaml: Target = {
  name: 'yaml',
  words: ['\n---\n', '  ', '\t', ': ', '- ', '&a ', '*a', '{', '}', '|\n', '"', '!!binary ', '<<: ', '? '],
  seeds: ['gateway.yaml', 'destination-rules.yaml', 'ratings-fault.yaml'].map((file) => readFileSync(join(SAMPLES, file))),
  check(input) {
    const source = input.toString('utf8');
    const { problems } = readObjects(source);
    for (const problem of problems) assert.notEqual(problem, '');
    assert.notEqual(explainYamlError(source), '');
  },
};

const meshConfig: Target = {
  name: 'mesh-config',
  words: ['defaultConfig:\n', '  tracing: ', 'null\n', '[]\n', 'proxyMetadata: ', '&a ', '*a'],
  seeds: [text('accessLogFile: /dev/stdout\ndefaultConfig:\n  tracing: {sampling: 100}\n  proxyMetadata: {A: b}\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}\n')],
  check: (input) => void decodeMeshConfig(input.toString('utf8')),
};

const values: Target = {
  name: 'durations-addresses',
  words: ['h', 'ms', 'µs', '.', '-', '::', '/33', '/', 'ffff:', '%eth0'],
  seeds: ['1h30m', '1.5s', '100ms', '10.0.0.0/8', '::1', 'fe80::1%eth0', '::ffff:1.2.3.4/120'].map(text),
  check(input) {
    const source = input.toString('utf8');
    const ms = parseDuration(source);
    if (ms !== undefined && Number.isFinite(ms) && Math.abs(ms) < 1e12) {
      const again = parseDuration(formatDuration(ms)) ?? Number.NaN;
      assert.ok(Math.abs(again - ms) <= 0.001, `${source} is ${ms} ms, written ${formatDuration(ms)}, read ${again} ms`);
    }
    const address = parseAddress(source);
    assert.ok(address === undefined || address.length === 4 || address.length === 16);
    const range = parseCidr(source);
    if (range) assert.ok(cidrContains(range, range.address), 'a range holds its own address');
  },
};

export const targets: readonly Target[] = [yaml, meshConfig, values];
