/** The program of the image for Envoy: an agent beside it, called as the proxy's own image is. */
import { runCommand } from '../proxy/commands.ts';

await runCommand(process.argv.slice(2), async (argv) => {
  const { runAgent } = await import('./run.ts');
  await runAgent(argv);
});
