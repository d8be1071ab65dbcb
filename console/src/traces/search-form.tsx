import { useQuery } from '@tanstack/react-query';
import type { FormEvent } from 'react';
import { listOperations, type TraceSearch } from '../api/jaeger.ts';
import { setParams } from '../route/route.ts';
import { Card } from '../ui/card.tsx';

const LOOKBACKS = ['5m', '15m', '1h', '3h', '12h', '2d'] as const;
const LIMITS = ['20', '50', '100', '200'] as const;

export function SearchForm({ search, services }: { search: TraceSearch; services: readonly string[] }) {
  const { data: operations = [] } = useQuery({ queryKey: ['operations', search.service], queryFn: ({ signal }) => listOperations(search.service, signal), enabled: search.service !== '' });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? '').trim();
    setParams({ service: text('service'), operation: text('operation'), tags: text('tags'), min: text('min'), max: text('max'), lookback: text('lookback'), limit: text('limit') });
  };
  return (
    <Card className="search-card">
      <form className="search-form" onSubmit={submit} aria-label="Search traces">
        <label>
          Service
          <select name="service" defaultValue={search.service} onChange={(event) => setParams({ service: event.target.value, operation: undefined })}>
            {services.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          Operation
          <select name="operation" defaultValue={search.operation}>
            <option value="">all</option>
            {operations.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          Tags
          <input name="tags" defaultValue={search.tags} placeholder="http.status_code=503 error=true" />
        </label>
        <div className="search-pair">
          <label>
            Longer than
            <input name="min" defaultValue={search.minDuration} placeholder="100ms" />
          </label>
          <label>
            Shorter than
            <input name="max" defaultValue={search.maxDuration} placeholder="1.5s" />
          </label>
        </div>
        <div className="search-pair">
          <label>
            Look back
            <select name="lookback" defaultValue={search.lookback}>
              {LOOKBACKS.map((value) => (
                <option key={value}>{value}</option>
              ))}
            </select>
          </label>
          <label>
            At most
            <select name="limit" defaultValue={String(search.limit)}>
              {LIMITS.map((value) => (
                <option key={value}>{value}</option>
              ))}
            </select>
          </label>
        </div>
        <button type="submit" className="button button-primary">
          Find traces
        </button>
      </form>
    </Card>
  );
}
