import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from 'kubernetes-types/core/v1.d.ts';
import type { Stored } from '../../kube/object.ts';
import { wantedHostPort } from '../host/ports.ts';
import { wantedPorts } from './published-services.ts';

const service = (name: string, spec: Service['spec']): Stored<Service> => ({ metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '' }, spec });

test('load balancers are published by their ports, 80 and 443 moved to what a user may listen on', () => {
  const gateway = service('gateway', { type: 'LoadBalancer', clusterIP: '10.96.0.9', ports: [{ port: 80 }, { port: 443 }, { port: 15021 }, { port: 53, protocol: 'UDP' }] });
  assert.deepEqual(wantedPorts([gateway], wantedHostPort), [{
    namespace: 'default', name: 'gateway', address: '10.96.0.9', ports: [{ port: 80, wanted: 8080 }, { port: 443, wanted: 8443 }, { port: 15021, wanted: 15021 }],
  }]);
});

test('node ports are published as they are, other services not at all', () => {
  const wanted = wantedPorts([service('a', { type: 'NodePort', clusterIP: '10.96.0.8', ports: [{ port: 80, nodePort: 30123 }] }), service('b', { type: 'ClusterIP', clusterIP: '10.96.0.7', ports: [{ port: 80 }] })], wantedHostPort);
  assert.deepEqual(wanted.map((w) => [w.name, w.ports[0]?.wanted]), [['a', 30123]]);
});
