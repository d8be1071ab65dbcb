/** Everything that is made rather than written: message types, API schemas, bundles, the console. `node build/main.ts` */
import { buildBundles } from './bundles.ts';
import { fillCompileCache, rehearse } from './compile-cache.ts';
import { buildConsole } from './console.ts';
import { buildOpenapi } from './openapi.ts';
import { buildProtos } from './protos.ts';

const started = performance.now();
buildProtos();
// Reads the message types, so it can be loaded only when they are there.
const { writeSchemaTable } = await import('../src/proxy/config/schema/generate.ts');
writeSchemaTable();
buildOpenapi();
const { proxyScript } = await buildBundles();
fillCompileCache();
rehearse(proxyScript);
await buildConsole();
console.log(`built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
