import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { CliError } from './errors.ts';
import { validateCommand } from './validate.ts';

const filter = (value: string) => `{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: f}, spec: {configPatches: [{applyTo: CLUSTER, patch: {operation: MERGE, value: ${value}}}]}}`;

/** @returns what was said of a file with this text */
async function said(t: TestContext, text: string): Promise<{ out: string; err: string; failure: unknown }> {
  const home = mkdtempSync(join(tmpdir(), 'lateen-validate-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const file = join(home, 'file.yaml');
  writeFileSync(file, text);
  const told = { out: '', err: '' };
  const [out, err] = [t.mock.method(process.stdout, 'write', (part: string) => ((told.out += part), true)), t.mock.method(process.stderr, 'write', (part: string) => ((told.err += part), true))];
  const failure = await validateCommand().parseAsync(['node', 'validate', '-f', file]).then(() => undefined, (error: unknown) => error);
  for (const { mock } of [out, err]) mock.restore();
  return { ...told, failure };
}

test('without a cluster the values of EnvoyFilters are checked too', async (t) => {
  const good = await said(t, filter('{connect_timeout: 5s}'));
  assert.deepEqual([good.failure, good.err], [undefined, '']);
  const wrong = await said(t, filter('{connect_timeout: soon}'));
  assert.ok(wrong.failure instanceof CliError);
  assert.match(wrong.err, /^Error: .*spec\.configPatches\[0\]\.patch\.value\.connect_timeout/);
  const misspelt = await said(t, filter('{conect_timeout: 5s}'));
  assert.ok(misspelt.failure instanceof CliError);
  assert.match(misspelt.err, /conect_timeout.*connect_timeout/);
});
