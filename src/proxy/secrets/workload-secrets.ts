/** The workload's own identity: a certificate in memory only, renewed in time, and told to those who use it. Established
 * connections go on with the certificate that they were made with. */
import { systemClock } from '../../base/clock.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { readCertificate } from '../../pki/certificate.ts';
import { createBackoff } from '../../xds/client/backoff.ts';
import type { SecretSource, TlsSecret } from '../secret-source.ts';
import { renewalDelay } from './renewal.ts';
import type { RenewalPolicy } from './renewal.ts';
import type { SignedWorkload } from './signing-client.ts';

/** SDS names of the workload's own material. Istio: security.WorkloadKeyCertResourceName, RootCertReqResourceName. */
export const WORKLOAD_SECRET = 'default';
export const ROOT_SECRET = 'ROOTCA';

export interface WorkloadSecretsDeps {
  /** Has a new key signed. */
  readonly request: (held: SignedWorkload | undefined) => Promise<SignedWorkload>;
  readonly policy: RenewalPolicy;
  readonly log: Log;
  readonly clock?: Clock;
  readonly random?: () => number;
}

export interface WorkloadSecrets extends SecretSource {
  /** Asks for the first certificate and keeps it fresh. */
  start(): void;
  /** Resolves when there is a certificate. */
  ready(): Promise<void>;
  /** Facts for admin pages; undefined before the first certificate. */
  current(): { readonly certificatePem: string; readonly rootPem: string; readonly receivedMs: number } | undefined;
  /** The certificate with its key, while there is one. */
  readonly held: SignedWorkload | undefined;
  /** Certificates received since the start. */
  readonly renewals: number;
  close(): void;
}

const MAX_TIMER_MS = 2_000_000_000;

export function createWorkloadSecrets(deps: WorkloadSecretsDeps): WorkloadSecrets {
  const { clock = systemClock, random = Math.random, log } = deps;
  const backoff = createBackoff({ baseMs: 100, maxMs: 5000, random });
  const listeners = new Set<(name: string) => void>();
  const first = Promise.withResolvers<void>();
  let held: (SignedWorkload & { receivedMs: number; notAfterMs: number }) | undefined;
  let timer: Timer | undefined;
  let closed = false;
  let renewals = 0;

  const accept = (signed: SignedWorkload): void => {
    const isNewRoot = held?.rootPem !== signed.rootPem;
    const { notAfterMs } = readCertificate(signed.certificateChainPem);
    held = { ...signed, receivedMs: clock.now(), notAfterMs };
    renewals += 1;
    backoff.reset();
    for (const listener of listeners) {
      if (isNewRoot) listener(ROOT_SECRET);
      listener(WORKLOAD_SECRET);
    }
    first.resolve();
  };
  const schedule = (): void => {
    if (closed || !held) return;
    const delay = renewalDelay({ ...held, nowMs: clock.now() }, deps.policy, random());
    // setTimeout cannot wait longer than 24.8 days: look again then.
    timer = delay > MAX_TIMER_MS ? clock.after(MAX_TIMER_MS, schedule) : clock.after(delay, renew);
    timer.unref();
  };
  const renew = (): void => {
    deps.request(held).then(
      (signed) => {
        if (closed) return;
        accept(signed);
        log.info('workload certificate received', { expires: new Date(held?.notAfterMs ?? 0).toISOString() });
        schedule();
      },
      (error: unknown) => {
        if (closed) return;
        const retryInMs = backoff.next();
        log.warn('no workload certificate yet', { error: errorText(error), retryInMs: Math.round(retryInMs), ...(held ? { expires: new Date(held.notAfterMs).toISOString() } : {}) });
        timer = clock.after(retryInMs, renew);
      },
    );
  };
  const get = (name: string): TlsSecret | undefined => {
    if (!held) return undefined;
    if (name === WORKLOAD_SECRET) return { kind: 'certificate', certificateChainPem: held.certificateChainPem, keyPem: held.keyPem };
    return name === ROOT_SECRET ? { kind: 'trust', trustedCaPem: held.rootPem } : undefined;
  };
  return {
    get,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    start: renew,
    ready: () => first.promise,
    current: () => held && { certificatePem: held.certificateChainPem, rootPem: held.rootPem, receivedMs: held.receivedMs },
    get held() {
      return held;
    },
    get renewals() {
      return renewals;
    },
    close() {
      closed = true;
      timer?.cancel();
      listeners.clear();
    },
  };
}
