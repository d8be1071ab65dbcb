/** The control plane's own TLS certificate, signed by the root that workloads have mounted, and renewed in time. */
import type { Clock, Timer } from '../../base/clock.ts';
import { systemClock } from '../../base/clock.ts';
import type { KeyPair } from '../../pki/authority.ts';
import type { RootMaterial } from './root-secret.ts';
import type { CaSettings } from './settings.ts';

export interface ServingCertificate {
  /** The newest: chain (leaf first, without the root) and key. */
  current(): KeyPair;
  /** For the `caBundle` of webhook configurations, and for clients. */
  readonly rootPem: string;
  /** Called with each new certificate. Returns the way to stop. */
  onChange(listener: (pair: KeyPair) => void): () => void;
  close(): void;
}

const MAX_TIMER_MS = 2_000_000_000;

export function createServingCertificate(deps: { root: RootMaterial; settings: Pick<CaSettings, 'servingNames' | 'servingLifetimeMs'>; clock?: Clock }): ServingCertificate {
  const { root, settings, clock = systemClock } = deps;
  const listeners = new Set<(pair: KeyPair) => void>();
  let timer: Timer;
  const make = (): KeyPair => {
    const leaf = root.authority.issue({
      subject: { organization: 'Lateen' },
      sans: { dns: settings.servingNames, ip: ['127.0.0.1', '::1'] },
      lifetimeMs: settings.servingLifetimeMs,
      usages: ['server'],
    });
    return { certificatePem: [leaf.certificatePem, ...root.intermediates].join(''), keyPem: leaf.keyPem };
  };
  const schedule = (): void => {
    timer = clock.after(Math.min(settings.servingLifetimeMs / 2, MAX_TIMER_MS), () => {
      pair = make();
      for (const listener of listeners) listener(pair);
      schedule();
    });
    timer.unref();
  };
  let pair = make();
  schedule();
  return {
    current: () => pair,
    rootPem: root.rootPem,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      listeners.clear();
      timer.cancel();
    },
  };
}
