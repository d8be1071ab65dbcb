import { useIsFetching, useQueryClient } from '@tanstack/react-query';
import { DURATIONS, REFRESHES, setDuration, setRefresh, useSettings } from '../settings/settings.ts';
import { chooseTheme, useTheme } from '../settings/theme.ts';
import { Icon } from '../ui/icon.tsx';
import { Select } from '../ui/menu.tsx';
import { NamespacePicker } from './namespace-picker.tsx';

export function Masthead({ title }: { title: string }) {
  const settings = useSettings();
  const theme = useTheme();
  const client = useQueryClient();
  const fetching = useIsFetching() > 0;
  const other = theme === 'dark' ? 'light' : 'dark';
  return (
    <header className="masthead">
      <h1>{title}</h1>
      <NamespacePicker />
      <Select label="Last" value={settings.duration} options={DURATIONS} onChange={setDuration} testId="duration" />
      <Select label="Refresh" value={settings.refresh} options={REFRESHES} onChange={setRefresh} testId="refresh" />
      <button type="button" className={`icon-button ${fetching ? 'is-busy' : ''}`} title="Refresh now" aria-label="Refresh now" onClick={() => void client.invalidateQueries()}>
        <Icon name="clock" />
      </button>
      <button type="button" className="icon-button" title={`Switch to ${other}`} aria-label={`Switch to ${other} theme`} onClick={() => chooseTheme(other)}>
        <Icon name={theme === 'dark' ? 'sun' : 'moon'} />
      </button>
    </header>
  );
}
