/** For working on pages without a cluster: `vite build && node mock/main.ts [port]`, or `vite dev` beside it. */
import { join } from 'node:path';
import { startMock } from './start.ts';

const mock = await startMock({ root: join(import.meta.dirname, '../dist'), port: Number(process.argv[2] ?? 20001) });
process.stdout.write(`the console with a made-up mesh: ${mock.url}\n`);
process.once('SIGINT', () => void mock.close().then(() => process.exit(0)));
