/** Probes the application of a machine for as long as the proxy runs, and tells when it becomes well or ill. */
import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { HealthReport } from '../../xds/health.ts';
import { PASSTHROUGH_ADDRESS } from '../admin/app-probe.ts';
import { checkCommand, checkGrpc, checkTcp, httpStatus } from './checks.ts';
import { HealthState } from './health-state.ts';
import type { ProbeMethod, ReadinessProbe } from './readiness-probe.ts';

export interface HealthCheckerDeps {
  readonly probe: ReadinessProbe;
  /** Of this machine: what goes there must not be captured. */
  readonly instanceIp: string;
  /** Why the proxy itself takes no traffic: then the application behind it cannot either. */
  readonly notReady: () => string | undefined | Promise<string | undefined>;
  readonly report: (report: HealthReport) => void;
  /** One probe; default: what the probe says. */
  readonly check?: () => Promise<string | undefined>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface HealthChecker {
  start(): void;
  /** Says once and for all that it is well no longer: the machine is about to go. */
  end(why: string): void;
  close(): void;
}

/** While the proxy itself starts nothing can be said of the application, and it shall not wait for another period. */
const STARTING_MS = 250;

export function createHealthChecker(deps: HealthCheckerDeps): HealthChecker {
  const { probe, instanceIp, notReady, report, clock, log } = deps;
  const check = deps.check ?? (() => failureOf(probe.method, { timeoutMs: probe.timeoutMs, instanceIp }));
  const state = new HealthState(probe);
  let timer: Timer | undefined;
  let isOver = false;
  let hasBeenReady = false;
  const look = async (): Promise<void> => {
    const startedMs = clock.monotonic();
    const unready = await notReady();
    if (unready !== undefined && !hasBeenReady) return isOver ? undefined : next(STARTING_MS);
    hasBeenReady = true;
    const why = unready ?? (await check());
    if (isOver) return;
    if (state.note(why === undefined)) {
      log[why === undefined ? 'info' : 'warn'](why === undefined ? 'the application is well' : 'the application is ill', { why });
      report({ isHealthy: why === undefined, message: why ?? '' });
    }
    next(Math.max(0, startedMs + probe.periodMs - clock.monotonic()));
  };
  const next = (ms: number): void => {
    timer = clock.after(ms, () => void look());
    timer.unref();
  };
  const close = (): void => {
    isOver = true;
    timer?.cancel();
  };
  return {
    start: () => next(probe.initialDelayMs),
    end(why) {
      if (isOver) return;
      close();
      report({ isHealthy: false, message: why });
    },
    close,
  };
}

/** One probe. @returns undefined: all is well */
export async function failureOf(method: ProbeMethod, { timeoutMs, instanceIp }: { timeoutMs: number; instanceIp: string }): Promise<string | undefined> {
  try {
    if (method.kind === 'exec') return void (await checkCommand(method.command, timeoutMs));
    const host = method.host === 'localhost' ? '127.0.0.1' : method.host;
    const isOwn = host.startsWith('127.') || (host === instanceIp && !host.includes(':'));
    const at = { host, port: method.port, timeoutMs, localAddress: isOwn ? PASSTHROUGH_ADDRESS : undefined };
    if (method.kind === 'tcp') return void (await checkTcp(at));
    if (method.kind === 'grpc') return void (await checkGrpc(at, method.service));
    const headers = Object.fromEntries([['user-agent', 'lateen-probe'], ...method.headers.map(([name, value]) => [name.toLowerCase(), value])]) as Record<string, string>;
    const status = await httpStatus({ ...at, path: method.path, isTls: method.isTls, headers });
    return status >= 200 && status < 400 ? undefined : `the application answered ${status}`;
  } catch (error) {
    return errorText(error);
  }
}
