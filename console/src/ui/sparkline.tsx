/** A small line without axes. */
export function Sparkline({ values, width = 120, height = 28, label }: { values: readonly number[]; width?: number; height?: number; label: string }) {
  const finite = values.filter(Number.isFinite);
  const top = Math.max(...finite, 0.0001);
  const points = finite.map((value, i) => `${((i / Math.max(1, finite.length - 1)) * width).toFixed(1)},${(height - 2 - (value / top) * (height - 4)).toFixed(1)}`);
  return (
    <svg className="sparkline" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
      {points.length > 1 && (
        <>
          <polygon className="sparkline-area" points={`0,${height} ${points.join(' ')} ${width},${height}`} />
          <polyline className="sparkline-line" points={points.join(' ')} />
        </>
      )}
    </svg>
  );
}
