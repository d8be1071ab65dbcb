/** Puts the rules into force in the network namespace of this process. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readOptional } from '../../base/optional-file.ts';
import type { Family } from './rules.ts';
import { parseResolvConf } from '../dns/resolv-conf.ts';
import { parseClusterEnv } from '../bootstrap/cluster-env.ts';
import { machineCapture } from './machine.ts';
import { renderCaptureRules, renderCleanup } from './nft.ts';
import { parseCaptureArguments } from './settings.ts';

/** Runs `istio-iptables …` and returns the exit code. With `--machine DIR` what there is to say stands in the `cluster.env` there, and arguments go before it. */
export function runCapture(argv: readonly string[], write: (line: string) => void): number {
  const at = argv.indexOf('--machine');
  const directory = at < 0 ? undefined : argv[at + 1];
  let env: Readonly<Record<string, string | undefined>> = process.env;
  let flags = argv;
  if (directory !== undefined) {
    try {
      env = { ...parseClusterEnv(readFileSync(`${directory}/cluster.env`, 'utf8')), ...process.env };
    } catch (error) {
      write(`capture: cannot read ${directory}/cluster.env: ${error instanceof Error ? error.message : String(error)}\n`);
      return 2;
    }
    flags = [...machineCapture(env), ...argv.toSpliced(at, 2)];
  }
  const parsed = parseCaptureArguments(flags, { env, nameservers: nameservers() });
  if (!parsed.ok) {
    write(`capture: ${parsed.problems.join('; ')}\n`);
    return 2;
  }
  for (const warning of parsed.warnings) write(`capture: ${warning}\n`);
  const script = parsed.cleanup ? renderCleanup() : renderCaptureRules(parsed.settings, families());
  if (parsed.dryRun) {
    write(script);
    return 0;
  }
  const failure = load(script);
  write(failure === undefined ? `capture: rules are in force\n` : `capture: ${failure}\n`);
  return failure === undefined ? 0 : 1;
}

/** Undefined when nft took the script. */
function load(script: string): string | undefined {
  for (const program of ['nft', '/usr/sbin/nft', '/sbin/nft']) {
    const result = spawnSync(program, ['-f', '-'], { input: script, encoding: 'utf8' });
    if (result.error && (result.error as NodeJS.ErrnoException).code === 'ENOENT') continue;
    if (result.error) return `cannot run ${program}: ${result.error.message}`;
    if (result.status === 0) return undefined;
    const hint = /not permitted/i.test(result.stderr) ? ' (the container needs the capability NET_ADMIN)' : '';
    return `nft refused the rules${hint}: ${result.stderr.trim()}`;
  }
  return 'nft is not installed; the image of the init container must have nftables';
}

const nameservers = (): readonly string[] => parseResolvConf(readOptional(process.env['LATEEN_RESOLV_CONF'] ?? '/etc/resolv.conf') ?? '').nameservers;

/** IPv6 rules where there is an IPv6 address beyond loopback and link-local. */
function families(): Family[] {
  try {
    const addresses = readFileSync('/proc/net/if_inet6', 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('fe80') && !/^0{31}1/.test(line));
    return addresses.length > 0 ? ['ip', 'ip6'] : ['ip'];
  } catch {
    return ['ip'];
  }
}
