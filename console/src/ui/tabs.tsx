import type { ReactNode } from 'react';
import { setParams, usePlace } from '../route/route.ts';

export interface Tab {
  readonly id: string;
  readonly title: string;
  readonly body: () => ReactNode;
}

/** Tabs whose choice stands in the address bar; arrow keys move between them. */
export function Tabs({ tabs, label }: { tabs: readonly Tab[]; label: string }) {
  const { params } = usePlace();
  const active = tabs.find((tab) => tab.id === params.get('tab')) ?? tabs[0];
  const choose = (id: string) => setParams({ tab: id === tabs[0]?.id ? undefined : id });
  const move = (step: number) => {
    const next = tabs[(tabs.findIndex((tab) => tab.id === active?.id) + step + tabs.length) % tabs.length];
    if (!next) return;
    choose(next.id);
    document.getElementById(`tab-${next.id}`)?.focus();
  };
  return (
    <>
      <div className="tabs" role="tablist" aria-label={label} onKeyDown={(event) => (event.key === 'ArrowRight' ? move(1) : event.key === 'ArrowLeft' ? move(-1) : undefined)}>
        {tabs.map((tab) => (
          <button key={tab.id} id={`tab-${tab.id}`} type="button" role="tab" aria-selected={tab.id === active?.id} tabIndex={tab.id === active?.id ? 0 : -1} onClick={() => choose(tab.id)}>
            {tab.title}
          </button>
        ))}
      </div>
      <div role="tabpanel" aria-labelledby={`tab-${active?.id}`} className="tab-panel">
        {active?.body()}
      </div>
    </>
  );
}
