import { lazy, Suspense } from 'react';
import { type Page, pageOf } from './pages/pages.ts';
import { usePlace } from './route/route.ts';
import { Boundary } from './shell/boundary.tsx';
import { Shell } from './shell/shell.tsx';
import { Empty, Skeleton } from './ui/state.tsx';

/** The graph brings its canvas and layout engine along; the other pages do not wait for them. */
const GraphPage = lazy(async () => ({ default: (await import('./graph/graph-page.tsx')).GraphPage }));
const OverviewPage = lazy(async () => ({ default: (await import('./pages/overview-page.tsx')).OverviewPage }));
const ListPages = {
  applications: lazy(async () => ({ default: (await import('./pages/applications-page.tsx')).ApplicationsPage })),
  workloads: lazy(async () => ({ default: (await import('./pages/workloads-page.tsx')).WorkloadsPage })),
  services: lazy(async () => ({ default: (await import('./pages/services-page.tsx')).ServicesPage })),
};
const WorkloadPage = lazy(async () => ({ default: (await import('./detail/workload-page.tsx')).WorkloadPage }));
const ServicePage = lazy(async () => ({ default: (await import('./detail/service-page.tsx')).ServicePage }));
const ApplicationPage = lazy(async () => ({ default: (await import('./detail/application-page.tsx')).ApplicationPage }));
const ConfigPage = lazy(async () => ({ default: (await import('./pages/config-page.tsx')).ConfigPage }));
const ConfigObjectPage = lazy(async () => ({ default: (await import('./detail/config-object-page.tsx')).ConfigObjectPage }));
const TracesPage = lazy(async () => ({ default: (await import('./traces/traces-page.tsx')).TracesPage }));
const TracePage = lazy(async () => ({ default: (await import('./traces/trace-page.tsx')).TracePage }));
const MeshPage = lazy(async () => ({ default: (await import('./pages/mesh-page.tsx')).MeshPage }));

export function App() {
  const { path } = usePlace();
  const page = pageOf(path);
  return (
    <Shell page={page}>
      <Boundary key={path}>
        <Suspense fallback={<Skeleton rows={8} />}>{bodyOf(page)}</Suspense>
      </Boundary>
    </Shell>
  );
}

function bodyOf(page: Page) {
  const { name, args } = page;
  const [first = '', second = '', third = '', fourth = ''] = args;
  switch (name) {
    case 'overview':
      return <OverviewPage />;
    case 'graph':
      return <GraphPage />;
    case 'applications':
    case 'workloads':
    case 'services': {
      const List = ListPages[name];
      return <List />;
    }
    case 'application':
      return <ApplicationPage namespace={first} name={second} />;
    case 'workload':
      return <WorkloadPage namespace={first} name={second} />;
    case 'service':
      return <ServicePage namespace={first} name={second} />;
    case 'config':
      return <ConfigPage />;
    case 'configObject':
      return <ConfigObjectPage namespace={first} group={second} plural={third} name={fourth} />;
    case 'traces':
      return <TracesPage />;
    case 'trace':
      return <TracePage id={first} />;
    case 'mesh':
      return <MeshPage />;
    case 'missing':
      return <Empty title="There is no such page">Choose one from the menu on the left.</Empty>;
  }
}
