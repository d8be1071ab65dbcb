import { type ReactNode, useMemo, useState } from 'react';
import { Icon } from './icon.tsx';

export interface Column<T> {
  readonly name: string;
  readonly cell: (row: T) => ReactNode;
  /** What the column sorts by; without it it does not sort. */
  readonly sortBy?: (row: T) => string | number;
  readonly align?: 'right';
  readonly width?: string;
}

interface TableProps<T> {
  readonly label: string;
  readonly rows: readonly T[];
  readonly columns: readonly Column<T>[];
  readonly keyOf: (row: T) => string;
  readonly testId?: string;
  /** Text that the filter looks into; without it there is no filter. */
  readonly searchText?: (row: T) => string;
  readonly empty?: ReactNode;
  readonly tools?: ReactNode;
}

export function Table<T>({ label, rows, columns, keyOf, testId, searchText, empty, tools }: TableProps<T>) {
  const [sort, setSort] = useState<{ name: string; down: boolean }>();
  const [filter, setFilter] = useState('');
  const shown = useMemo(() => {
    const words = filter.toLowerCase().split(/\s+/);
    const kept = searchText && filter !== '' ? rows.filter((row) => words.every((word) => searchText(row).toLowerCase().includes(word))) : rows;
    const by = columns.find((column) => column.name === sort?.name)?.sortBy;
    if (!by || !sort) return kept;
    const sign = sort.down ? -1 : 1;
    return [...kept].sort((a, b) => (by(a) < by(b) ? -sign : by(a) > by(b) ? sign : 0));
  }, [rows, columns, sort, filter, searchText]);
  return (
    <div className="table-wrap">
      {(searchText || tools) && (
        <div className="table-tools">
          {searchText && (
            <label className="filter">
              <Icon name="search" size={15} />
              <input type="search" placeholder="Filter…" aria-label={`Filter ${label}`} value={filter} onChange={(event) => setFilter(event.target.value)} />
            </label>
          )}
          {tools}
          <span className="table-count">
            {shown.length === rows.length ? rows.length : `${shown.length} of ${rows.length}`} {label}
          </span>
        </div>
      )}
      {shown.length === 0 ? (
        empty
      ) : (
        <table aria-label={label} data-testid={testId}>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column.name} className={column.align === 'right' ? 'right' : undefined} style={{ width: column.width }} aria-sort={sort?.name === column.name ? (sort.down ? 'descending' : 'ascending') : undefined}>
                  {column.sortBy ? (
                    <button type="button" onClick={() => setSort((old) => ({ name: column.name, down: old?.name === column.name ? !old.down : false }))}>
                      {column.name}
                      <span aria-hidden="true">{sort?.name === column.name ? (sort.down ? ' ↓' : ' ↑') : ''}</span>
                    </button>
                  ) : (
                    column.name
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={keyOf(row)}>
                {columns.map((column) => (
                  <td key={column.name} className={column.align === 'right' ? 'right' : undefined}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
