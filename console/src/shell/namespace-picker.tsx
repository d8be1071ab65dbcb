import { useNamespaces } from '../data/cluster.ts';
import { setNamespaces, useSettings } from '../settings/settings.ts';
import { Menu } from '../ui/menu.tsx';

/** None chosen means all. */
export function NamespacePicker() {
  const { namespaces } = useSettings();
  const { data = [] } = useNamespaces();
  const names = [...new Set([...data.map((item) => item.metadata.name), ...namespaces])].sort();
  const flip = (name: string) => {
    const next = new Set(namespaces);
    if (!next.delete(name)) next.add(name);
    setNamespaces(next);
  };
  const [only] = namespaces;
  const summary = namespaces.size === 0 ? 'All' : namespaces.size === 1 ? only : `${namespaces.size} chosen`;
  return (
    <Menu
      testId="namespaces"
      align="right"
      label={
        <>
          <span className="control-label">Namespace</span>
          <strong>{summary}</strong>
        </>
      }
    >
      <div className="menu-actions">
        <button type="button" className="text-button" onClick={() => setNamespaces([])}>
          All namespaces
        </button>
      </div>
      {names.length === 0 && <p className="menu-item muted">The namespaces are not known yet.</p>}
      {names.map((name) => (
        <label key={name} className="menu-item">
          <input type="checkbox" checked={namespaces.has(name)} onChange={() => flip(name)} />
          {name}
        </label>
      ))}
    </Menu>
  );
}
