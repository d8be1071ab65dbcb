import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { readCertificate } from '../../../src/pki/certificate.ts';
import type { TestCluster } from '../harness.ts';
import { podOf } from './bookinfo.ts';
import { flowsWhile, pause } from './robustness-load.ts';

/** Of workload certificates in this cluster: asked for by the sidecars, as Istio's agent does by SECRET_TTL. */
export const LIFETIME_SECONDS = 20;
const RENEWALS = 5;

/** Certificates come and go; traffic does not notice. */
export async function renewCertificates(t: TestContext, cluster: TestCluster, base: string): Promise<void> {
  await t.test(`certificates of ${LIFETIME_SECONDS} s are renewed ${RENEWALS} times under 50 requests/s without an error`, async () => {
    const pods = [[await podOf(cluster, 'app=productpage'), 'default'], [await podOf(cluster, 'istio=ingressgateway', 'istio-system'), 'istio-system']] as const;
    const seen = pods.map(() => new Set<string>());
    await flowsWhile(cluster, base, async () => {
      const end = performance.now() + (RENEWALS + 1.5) * LIFETIME_SECONDS * 500;
      while (performance.now() < end) {
        for (const [i, [pod, namespace]] of pods.entries()) seen[i]?.add(await currentSerial(cluster, pod, namespace));
        await pause(2000);
      }
    });
    for (const [i, serials] of seen.entries()) assert.ok(serials.size > RENEWALS, `${pods[i]?.[0]} had ${serials.size} certificates`);
  });
}

/** Serial of the certificate that a proxy uses now; checks that it is in date and short-lived. */
async function currentSerial(cluster: TestCluster, pod: string, namespace: string): Promise<string> {
  const text = await cluster.lateen('proxy-config', 'secret', pod, '-n', namespace, '-o', 'json');
  const inline = /"inline_?[bB]ytes": "([A-Za-z0-9+/=]+)"/.exec(text.slice(text.search(/certificate_?[cC]hain/)))?.[1];
  assert.ok(inline, `the certificate of ${pod} is shown: ${text.slice(0, 500)}`);
  const facts = readCertificate(Buffer.from(inline, 'base64'));
  const now = Date.now();
  assert.ok(facts.notAfterMs > now, 'it has not expired');
  assert.ok(facts.notAfterMs - now <= LIFETIME_SECONDS * 1000, 'it lives as short as was asked for');
  return facts.serialNumber;
}
