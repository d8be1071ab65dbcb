/** For tests: Istio's sample manifests, where they are, and the gateway pod that an installation adds to them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const SAMPLES = new URL('../../../../../shared/data/istio-samples/samples', import.meta.url).pathname;
export const hasSamples = existsSync(SAMPLES);

export const readSample = (path: string): string => readFileSync(join(SAMPLES, path), 'utf8');

export const GATEWAY_POD = `
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, ports: [{name: http2, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}, {name: tcp, port: 31400}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec: {template: {metadata: {labels: {istio: ingressgateway, app: istio-ingressgateway}}, spec: {containers: []}}}
`;
