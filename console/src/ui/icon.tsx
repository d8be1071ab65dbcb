/** The console's own line icons, 24 by 24. */
const PATHS = {
  overview: 'M4 4h7v7H4zM13 4h7v4h-7zM13 10h7v10h-7zM4 13h7v7H4z',
  graph: 'M5 12h5m0 0 5-5h4m-9 5 5 5h4M5 12a1.5 1.5 0 1 1-3 0 1.5 1.5 0 0 1 3 0Zm17-5a1.5 1.5 0 1 1-3 0 1.5 1.5 0 0 1 3 0Zm0 10a1.5 1.5 0 1 1-3 0 1.5 1.5 0 0 1 3 0Z',
  applications: 'M12 3 3 8l9 5 9-5-9-5ZM3 12.500l9 5 9-5M3 17l9 5 9-5',
  workloads: 'M12 2.8 20 7v10l-8 4.200L4 17V7l8-4.200ZM4 7l8 4.300L20 7M12 11.300V21',
  services: 'M12 4 21 19H3L12 4Z',
  config: 'M7 3h7l5 5v13H7zM14 3v5h5M10 13h6M10 17h6',
  traces: 'M3 5h10M8 10h9M11 15h10M6 20h7',
  mesh: 'M6 21V8.500C6 6 8 4 12 3c4 1 6 3 6 5.500V21M4 21h16M10 21v-5h4v5M10 11h4',
  lock: 'M7 11V8a5 5 0 0 1 10 0v3M5.5 11h13v9h-13z',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2v2m0 16v2M2 12h2m16 0h2M5 5l1.4 1.400m11.2 11.200L19 19M5 19l1.4-1.400M17.6 6.4 19 5',
  moon: 'M20 14.500A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.500Z',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM20.5 20.5 16 16',
  close: 'M6 6l12 12M18 6 6 18',
  chevron: 'm9 6 6 6-6 6',
  alert: 'M12 4 2.5 20h19L12 4Zm0 6v5m0 2.500v.1',
  check: 'm5 12.5 4.5 4.500L19 7.5',
  external: 'M9 6h9v9M18 6 6 18',
  layers: 'M12 3 3 8l9 5 9-5-9-5ZM3 13l9 5 9-5',
  clock: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 4v4.500l3 2',
  gateway: 'M4 20V9a8 8 0 0 1 16 0v11M4 20h4v-8m12 8h-4v-8',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth={1.7} strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
