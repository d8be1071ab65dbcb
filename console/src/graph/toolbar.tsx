import { Select, Toggle } from '../ui/menu.tsx';
import { EDGE_LABELS, setFlag, setLabel, useDisplay } from './display.ts';

export function Toolbar() {
  const display = useDisplay();
  return (
    <div className="gtoolbar">
      <Select label="Edges show" value={display.label} options={EDGE_LABELS} onChange={setLabel} testId="edge-label" />
      <Toggle label="Services" checked={display.serviceNodes} onChange={(on) => setFlag('services', on)} testId="toggle-services" />
      <Toggle label="mTLS" checked={display.security} onChange={(on) => setFlag('security', on)} testId="toggle-security" />
      <Toggle label="Animation" checked={display.animate} onChange={(on) => setFlag('animate', on)} testId="toggle-animate" />
    </div>
  );
}

export function Legend() {
  return (
    <ul className="glegend" aria-label="Legend">
      <li>
        <i className="swatch swatch-healthy" /> healthy
      </li>
      <li>
        <i className="swatch swatch-degraded" /> degraded: any 5xx, or 10 % 4xx
      </li>
      <li>
        <i className="swatch swatch-failing" /> failing: 10 % 5xx, or 20 % 4xx
      </li>
      <li>
        <i className="swatch swatch-tcp" /> TCP
      </li>
    </ul>
  );
}
