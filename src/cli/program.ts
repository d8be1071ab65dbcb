/** The command line as a whole: one file per command, istioctl's global flags. */
import { Command } from 'commander';
import { dashboardCommand } from './dashboard.ts';
import { demoCommand } from './demo.ts';
import { downCommand } from './down.ts';
import { installCommand } from './install.ts';
import { profileCommand } from './profile.ts';
import { proxyConfigCommand } from './proxy-config/command.ts';
import { proxyStatusCommand } from './proxy-status.ts';
import { statusCommand } from './status.ts';
import { uninstallCommand } from './uninstall.ts';
import { upCommand } from './up.ts';
import { validateCommand } from './validate.ts';
import { versionCommand } from './version-command.ts';
import { waitCommand } from './wait/command.ts';
import { workloadCommand } from './workload/command.ts';

export function buildProgram(): Command {
  const program = new Command('lateen')
    .description('A service mesh that speaks Istio’s API, and a Kubernetes-compatible cluster for one Linux machine.')
    .option('-c, --kubeconfig <file>', 'kubeconfig; default: $KUBECONFIG, else ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig')
    .option('-n, --namespace <name>', 'namespace; default: the context’s')
    .option('-i, --istioNamespace <name>', 'namespace of the control plane', 'istio-system')
    .showHelpAfterError('(see --help)');
  for (const command of [
    demoCommand(), upCommand(), downCommand(), statusCommand(), installCommand(), uninstallCommand(), profileCommand(),
    versionCommand(), proxyStatusCommand(), proxyConfigCommand(), dashboardCommand(), validateCommand(), waitCommand(), experimentalCommand(),
  ]) program.addCommand(command);
  return program;
}

/** Where istioctl keeps commands that people type with `x`. */
function experimentalCommand(): Command {
  return new Command('experimental').aliases(['x', 'exp']).description('commands that istioctl has under this name').addCommand(waitCommand()).addCommand(workloadCommand());
}
