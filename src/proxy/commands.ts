/** The small commands that pods call a proxy image with, as they call Istio's pilot-agent. Each loads only its own code: an init
 * container must not pay for the data plane. */
import process from 'node:process';

/** @param runProxy what `proxy sidecar|router` does. Resolves when the command is done, or the proxy has started */
export async function runCommand(argv: readonly string[], runProxy: (argv: readonly string[]) => Promise<void>): Promise<void> {
  switch (argv[0]) {
    case 'istio-iptables':
    case 'istio-clean-iptables': {
      const { runCapture } = await import('./capture/apply.ts');
      const rest = argv[0] === 'istio-iptables' ? argv.slice(1) : ['--cleanup-only'];
      process.exitCode = runCapture(rest, (line) => process.stderr.write(line));
      break;
    }
    case 'request':
    case 'wait': {
      const { runLocalCommand } = await import('./admin/local-command.ts');
      process.exitCode = await runLocalCommand(argv, { out: (s) => process.stdout.write(s), error: (s) => process.stderr.write(s) });
      break;
    }
    case 'proxy':
      return runProxy(argv);
    default:
      process.stderr.write(`unknown command "${argv[0] ?? ''}"; expected proxy sidecar, proxy router, istio-iptables, istio-clean-iptables, request or wait\n`);
      process.exitCode = 2;
  }
}
