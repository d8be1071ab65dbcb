import { useEffect, useMemo, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { RangeSeries } from '../api/prometheus.ts';
import { useTheme } from '../settings/theme.ts';

export interface ChartLine {
  readonly label: string;
  readonly color: string;
  readonly series: RangeSeries | undefined;
}

interface ChartProps {
  readonly lines: readonly ChartLine[];
  readonly format: (value: number) => string;
  readonly height?: number;
  readonly label: string;
}

/** Lines over time; all series on one beat. */
export function Chart({ lines, format, height = 150, label }: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const theme = useTheme();
  const data = useMemo(() => alignedData(lines), [lines]);
  const shape = lines.map((line) => `${line.label}${line.color}`).join('|');

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const created = new uPlot(optionsOf(lines, { width: element.clientWidth, height, format }), data, element);
    plot.current = created;
    let frame = 0;
    const resize = new ResizeObserver(() => {
      cancelAnimationFrame(frame);
      // In the next frame: a chart that grows while sizes are being observed would be observed again, in a loop.
      frame = requestAnimationFrame(() => element.clientWidth !== created.width && created.setSize({ width: element.clientWidth, height }));
    });
    resize.observe(element);
    return () => {
      cancelAnimationFrame(frame);
      resize.disconnect();
      created.destroy();
      plot.current = undefined;
    };
    // Data changes go through setData below; only another shape needs another chart.
  }, [shape, theme, height]);

  useEffect(() => plot.current?.setData(data), [data]);

  return <div ref={host} className="chart" role="img" aria-label={label} />;
}

function alignedData(lines: readonly ChartLine[]): uPlot.AlignedData {
  const times = [...new Set(lines.flatMap((line) => line.series?.times ?? []))].sort((a, b) => a - b);
  const columns = lines.map((line) => {
    const values = new Map(line.series?.times.map((time, i) => [time, line.series?.values[i]]));
    return times.map((time) => {
      const value = values.get(time);
      return value === undefined || !Number.isFinite(value) ? null : value;
    });
  });
  return [times, ...columns] as uPlot.AlignedData;
}

function optionsOf(lines: readonly ChartLine[], options: { width: number; height: number; format: (value: number) => string }): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const axis = { stroke: color('--text-faint'), grid: { stroke: color('--line-soft'), width: 1 }, ticks: { show: false }, font: '11px ui-sans-serif, system-ui, sans-serif' };
  return {
    width: options.width,
    height: options.height,
    // To the right, half of the time that may stand at the end.
    padding: [8, 28, 0, 0],
    cursor: { points: { size: 6 }, drag: { setScale: false } },
    legend: { live: false },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(max * 1.15, 0.001)] } },
    axes: [{ ...axis, size: 24, space: 70, values: (_plot, ticks) => ticks.map(clockOf) }, { ...axis, size: 58, space: 34, values: (_plot, ticks) => ticks.map((tick) => options.format(tick)) }],
    series: [
      { value: (_plot, time) => (time === null ? '' : clockOf(time)), label: 'Time' },
      ...lines.map((line) => ({ label: line.label, stroke: color(line.color), width: 2, fill: `${color(line.color)}1c`, points: { show: false }, value: (_plot: uPlot, value: number | null) => (value === null ? '–' : options.format(value)) })),
    ],
  };
}

const clockOf = (seconds: number): string => new Date(seconds * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
