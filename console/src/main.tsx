import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { SourceError } from './api/http.ts';
import { App } from './app.tsx';
import { applyTheme } from './settings/theme.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/parts.css';
import './styles/graph.css';
import './styles/pages.css';
import './styles/traces.css';

applyTheme();

/** A refused request stays refused; only silence is worth another try. */
const retry = (count: number, error: Error) => count < 2 && (!(error instanceof SourceError) || error.status === 0 || error.status >= 502);
const client = new QueryClient({ defaultOptions: { queries: { retry, staleTime: 1500, refetchOnWindowFocus: true } } });

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  );
}
