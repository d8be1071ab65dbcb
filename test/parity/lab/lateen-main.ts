/** Our proxy as the lab runs it: the shipped composition, but it introduces itself as stock Envoy, so that both are sent the
 * same bytes, and takes its certificate from files. `node lateen-main.js PLACE` */
import { readFile } from 'node:fs/promises';
import { createProxyApp } from '../../../src/proxy/app.ts';
import { settingsOf, STOCK_ENVOY } from './identities.ts';
import type { Place } from './network.ts';

const home = process.env['LAB_HOME'] ?? '';
const file = (name: string) => readFile(`${home}/${name}`, 'utf8');
const app = createProxyApp({
  settings: settingsOf(process.argv[2] as Place, process.env),
  env: process.env,
  announcement: STOCK_ENVOY,
  logFlushMs: 5,
  certificate: async () => ({ certificateChainPem: await file('certificate.pem'), keyPem: await file('key.pem'), rootPem: await file('root.pem') }),
});
process.once('SIGTERM', () => process.exit(0));
await app.start();
