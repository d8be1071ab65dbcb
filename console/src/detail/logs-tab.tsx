import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type Pod, readLog } from '../api/kube.ts';
import { useSettings } from '../settings/settings.ts';
import { Select } from '../ui/menu.tsx';
import { Empty, Failure, Skeleton } from '../ui/state.tsx';

const LINES = ['100', '500', '2000'] as const;

/** The last lines of any container of the workload, the sidecar's access log included. */
export function LogsTab({ pods }: { pods: readonly Pod[] }) {
  const { refreshMs } = useSettings();
  const [chosenPod, choosePod] = useState('');
  const [chosenContainer, chooseContainer] = useState('');
  const [lines, setLines] = useState<string>(LINES[0]);
  const [filter, setFilter] = useState('');
  const pod = pods.find((it) => it.metadata.name === chosenPod) ?? pods[0];
  const containers = pod ? [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].map((container) => container.name) : [];
  const container = containers.includes(chosenContainer) ? chosenContainer : (containers[0] ?? '');
  const at = { namespace: pod?.metadata.namespace ?? '', pod: pod?.metadata.name ?? '', container, lines: Number(lines) };
  const log = useQuery({ queryKey: ['log', at], queryFn: ({ signal }) => readLog(at, signal), enabled: pod !== undefined, refetchInterval: refreshMs, placeholderData: keepPreviousData });
  if (!pod) return <Empty title="No pods, no logs" />;
  const shown = (log.data ?? '').split('\n').filter((line) => line !== '' && line.includes(filter));
  return (
    <div className="stack">
      <div className="row-wrap">
        <Select label="Pod" value={pod.metadata.name} options={pods.map((it) => it.metadata.name)} onChange={choosePod} />
        <Select label="Container" value={container} options={containers} onChange={chooseContainer} />
        <Select label="Lines" value={lines} options={LINES} onChange={setLines} />
        <label className="filter">
          <input type="search" placeholder="Only lines with…" aria-label="Filter lines" value={filter} onChange={(event) => setFilter(event.target.value)} />
        </label>
      </div>
      {log.error && !log.data && <Failure error={log.error} onRetry={() => void log.refetch()} />}
      {log.isPending && <Skeleton rows={8} />}
      {log.data !== undefined && (
        <pre className="log" tabIndex={0} aria-label={`Log of ${container}`} data-testid="log">
          {shown.length === 0 ? <span className="muted">No lines.</span> : shown.map((line, i) => <LogLine key={i} line={line} />)}
        </pre>
      )}
    </div>
  );
}

/** kubelet's time, then the line; what looks like trouble is coloured. */
function LogLine({ line }: { line: string }) {
  const blank = line.indexOf(' ');
  const [time, text] = blank > 0 ? [line.slice(0, blank), line.slice(blank + 1)] : ['', line];
  const tone = /\b(error|fatal|panic)\b|" 5\d\d /i.test(text) ? 'tone-bad' : /\bwarn(ing)?\b|" 4\d\d /i.test(text) ? 'tone-warn' : '';
  return (
    <span className={tone}>
      <span className="muted">{time.slice(11, 23)} </span>
      {`${text}\n`}
    </span>
  );
}
