/** The sidecar as it is shipped: the bundle, command line and environment of its image, with its configuration at hand in the
 * file that it keeps for when the control plane is away (which here it always is). */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fromJson, toBinary, type DescMessage, type JsonValue, type Message } from '@bufbuild/protobuf';
import { registry } from '../../src/testkit/static-proxy/registry.ts';
import { sidecarImage } from '../../build/sidecar-image.ts';
import type { StaticResources } from '../../src/testkit/static-proxy/start.ts';
import { encodeResources } from '../../src/xds/client/delta-codec.ts';
import { encodeFrame } from '../../src/grpc/frames.ts';
import { ClusterSchema } from '../../src/xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '../../src/xds/generated/envoy/config/listener/v3/listener_pb.js';

export interface SidecarCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface SidecarOptions {
  /** The program that runs it. */
  readonly node?: string;
  /** Of its ProxyConfig. */
  readonly concurrency?: number;
}

/** @param home is made, and gets the configuration */
export function sidecarCommand(home: string, resources: StaticResources, { node = process.execPath, concurrency = 1 }: SidecarOptions = {}): SidecarCommand {
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'last-good.bin'), Buffer.concat([encoded(ClusterSchema, resources.clusters), encoded(ListenerSchema, resources.listeners)]));
  const image = sidecarImage();
  const here = (text: string) => text.replace(/^\/lateen\//, `${resolve('.')}/`);
  return {
    file: node,
    args: [...image.flags, here(image.program), 'proxy', 'sidecar', '--log_output_level=default:error'],
    env: {
      ...Object.fromEntries(Object.entries(image.env).map(([name, value]) => [name, here(value)])),
      // Of the machine's own environment; a pod's has nothing of it.
      NODE_EXTRA_CA_CERTS: '', NODE_OPTIONS: '',
      POD_NAME: 'bench', POD_NAMESPACE: 'default', INSTANCE_IP: '127.0.0.1', LATEEN_DATA_DIR: home,
      // Nobody listens there; pages get any free port.
      PROXY_CONFIG: JSON.stringify({ discoveryAddress: '127.0.0.1:1', proxyAdminPort: 0, statusPort: 0, concurrency }), ENVOY_STATUS_PORT: '0', ENVOY_PROMETHEUS_PORT: '0',
    },
  };
}

function encoded(schema: DescMessage, jsons: readonly object[]): Buffer {
  const messages = jsons.map((json) => fromJson(schema, json as JsonValue, { registry }) as Message & { name: string });
  return encodeFrame(encodeResources(`type.googleapis.com/${schema.typeName}`, messages.map((message) => ({ name: message.name, version: '1', value: toBinary(schema, message) }))));
}
