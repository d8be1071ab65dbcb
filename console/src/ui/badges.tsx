import type { ReactNode } from 'react';
import type { Health } from '../model/health.ts';
import { formatPercent } from '../model/format.ts';
import { Icon } from './icon.tsx';

const HEALTH_WORDS: Readonly<Record<Health, string>> = { healthy: 'Healthy', degraded: 'Degraded', failing: 'Failing', idle: 'No traffic' };

export function HealthDot({ health, withText = false }: { health: Health; withText?: boolean }) {
  return (
    <span className={`health health-${health}`} title={HEALTH_WORDS[health]}>
      <span className="health-dot" />
      <span className={withText ? '' : 'visually-hidden'}>{HEALTH_WORDS[health]}</span>
    </span>
  );
}

export function Badge({ children, tone = 'plain', title }: { children: ReactNode; tone?: 'plain' | 'accent' | 'good' | 'warn' | 'bad' | 'info'; title?: string }) {
  return (
    <span className={`badge badge-${tone}`} title={title}>
      {children}
    </span>
  );
}

/** The share of traffic under mutual TLS. */
export function MtlsBadge({ share }: { share: number | undefined }) {
  if (share === undefined) return <Badge title="No receiver with a sidecar reports its traffic">mTLS –</Badge>;
  const whole = share > 0.999;
  return (
    <Badge tone={whole ? 'good' : share > 0 ? 'warn' : 'bad'} title={`${formatPercent(share)} of the traffic is under mutual TLS`}>
      <Icon name="lock" size={12} /> {whole ? 'mTLS' : share > 0 ? `mTLS ${formatPercent(share, 0)}` : 'plaintext'}
    </Badge>
  );
}
