import { type ReactNode, useEffect } from 'react';
import { type Page, SECTIONS } from '../pages/pages.ts';
import { Link } from '../route/link.tsx';
import { Icon } from '../ui/icon.tsx';
import { Masthead } from './masthead.tsx';

export function Shell({ page, children }: { page: Page; children: ReactNode }) {
  useEffect(() => {
    document.title = `${page.title} · Lateen`;
  }, [page.title]);
  return (
    <div className="shell">
      <a className="skip-link" href="#main">
        Skip to content
      </a>
      <aside className="rail">
        <Link to="/overview" className="brand" aria-label="Lateen, overview">
          <img src="/logo.svg" alt="" />
          <span>Lateen</span>
        </Link>
        <nav aria-label="Main">
          {SECTIONS.map((section) => (
            <Link key={section.path} to={section.path} title={section.title} aria-current={section.path === page.section ? 'page' : undefined}>
              <Icon name={section.icon} />
              <span>{section.title}</span>
            </Link>
          ))}
        </nav>
        <div className="rail-foot">Read only: nothing here changes the cluster.</div>
      </aside>
      <div className="stage">
        <Masthead title={page.title} />
        <main id="main" tabIndex={-1} className={page.flush ? 'page page-flush' : 'page'}>
          {children}
        </main>
      </div>
    </div>
  );
}
