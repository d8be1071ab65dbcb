/** The program of the proxy's image: our own data plane, and the commands that go with it. */
import { runCommand } from './commands.ts';

// Not awaited: this becomes a CommonJS module, which Node begins sooner.
void runCommand(process.argv.slice(2), async (argv) => {
  const { runProxy } = await import('./run.ts');
  await runProxy(argv);
});
