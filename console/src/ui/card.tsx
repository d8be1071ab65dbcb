import type { ReactNode } from 'react';

export function Card({ title, tools, children, className = '' }: { title?: ReactNode; tools?: ReactNode; children: ReactNode; className?: string }) {
  return (
    <section className={`card ${className}`}>
      {(title !== undefined || tools !== undefined) && (
        <header className="card-head">
          <h2>{title}</h2>
          {tools}
        </header>
      )}
      {children}
    </section>
  );
}

/** One number with its name under it. */
export function Stat({ label, value, tone, hint }: { label: string; value: ReactNode; tone?: 'good' | 'warn' | 'bad'; hint?: string }) {
  return (
    <div className="stat" title={hint}>
      <div className={`stat-value ${tone ? `tone-${tone}` : ''}`}>{value}</div>
      <div className="stat-label">{label}</div>
    </div>
  );
}
