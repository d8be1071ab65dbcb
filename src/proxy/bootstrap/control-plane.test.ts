import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import type { KubeObject } from '../../kube/object.ts';
import { ServiceAccounts } from '../../kube/resource.ts';
import { startControlMesh } from '../../testkit/control-mesh.ts';
import { DELTA_ADS_PATH } from '../../xds/client/ads-client.ts';
import { decodeDeltaResponse, encodeDeltaRequest } from '../../xds/client/delta-codec.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { connectDiscovery, requestOwnCertificate } from './control-plane.ts';
import { decodeSettings } from './decode-settings.ts';
import { encodeNode } from './xds-node.ts';

/** Of an hour ago; nobody has signed it. */
const STALE = `e30.${Buffer.from(JSON.stringify({ exp: Math.floor(Date.now() / 1000) - 3_600 })).toString('base64url')}.x`;

test('a machine whose token has run out renews its certificate, and connects, by the certificate that it has', async (t) => {
  const mesh = await startControlMesh(t);
  await mesh.client.create(ServiceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'vm', namespace: 'default' } });
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['istio-ca'], expirationSeconds: 3600 } };
  const { status } = await mesh.client.create<KubeObject & { spec: object; status?: { token: string } }>({ ...ServiceAccounts, type: undefined }, request, { subresource: 'token', namespace: 'default', name: 'vm' });
  const dir = mkdtempSync(join(tmpdir(), 'token-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const token = (text: string) => writeFileSync(join(dir, 'token'), text);
  writeFileSync(join(dir, 'root.pem'), mesh.plane.rootPem);
  const env = { POD_NAME: 'vm-1', POD_NAMESPACE: 'default', INSTANCE_IP: '10.1.2.3', SERVICE_ACCOUNT: 'vm', LATEEN_TOKEN_FILE: join(dir, 'token'), XDS_ROOT_CA: join(dir, 'root.pem'), PROXY_CONFIG: JSON.stringify({ discoveryAddress: `127.0.0.1:${mesh.plane.ports.secure}` }) };
  const settings = decodeSettings({ argv: ['proxy', 'sidecar'], env, labels: new Map(), annotations: new Map() });
  token(status?.token ?? '');
  const first = await requestOwnCertificate(settings, () => undefined);
  token(STALE);
  await assert.rejects(requestOwnCertificate(settings, () => undefined), /UNAUTHENTICATED/);
  const second = await requestOwnCertificate(settings, () => first);
  assert.notEqual(second.certificateChainPem, first.certificateChainPem);
  rmSync(join(dir, 'token'));
  const { channel, headers } = await connectDiscovery(settings, () => second);
  t.after(() => channel.close());
  assert.equal('authorization' in headers, false);
  const typeUrl = await new Promise<string>((resolve, reject) => {
    const stream = channel.open(DELTA_ADS_PATH, headers, { onMessage: (message) => resolve(decodeDeltaResponse(message).typeUrl), onEnd: ({ message }) => reject(new Error(message)) });
    stream.send(encodeDeltaRequest({ typeUrl: TypeUrl.Cluster, subscribe: ['*'], unsubscribe: [], initialVersions: {}, nonce: '' }, encodeNode(settings)));
  });
  assert.equal(typeUrl, TypeUrl.Cluster);
});
