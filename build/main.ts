/** Everything that is made rather than written: message types, API schemas, bundles, the console. `node build/main.ts` */
import { existsSync } from 'node:fs';
import { buildBundles } from './bundles.ts';
import { buildProtos } from './protos.ts';

const started = performance.now();
buildProtos();
if (existsSync('build/openapi.ts')) (await import('./openapi.ts')).buildOpenapi();
await buildBundles();
if (existsSync('build/console.ts')) await (await import('./console.ts')).buildConsole();
console.log(`built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
