import { useMemo } from 'react';
import { stringify } from 'yaml';
import { fieldLines } from '../model/field-lines.ts';

/** An object as YAML with line numbers and colours, without what only machines read. Fields that messages name are marked. */
export function YamlView({ value, messages = [] }: { value: unknown; messages?: readonly string[] }) {
  const text = useMemo(() => stringify(value, { lineWidth: 120 }).trimEnd(), [value]);
  const lines = text.split('\n');
  const marks = useMemo(() => fieldLines(text, messages), [text, messages]);
  return (
    <pre className="yaml" tabIndex={0} aria-label="YAML">
      <code>
        {lines.map((line, i) => (
          <span key={i} className={`yaml-line ${marks.has(i) ? 'yaml-marked' : ''}`} title={marks.get(i)?.join('\n')}>
            {colored(line)}
          </span>
        ))}
      </code>
    </pre>
  );
}

function colored(line: string) {
  const match = /^(\s*(?:- )*)([^\s:#'"][^:]*)(:)(\s.*)?$/.exec(line);
  if (!match) return <span className={valueClass(line)}>{`${line}\n`}</span>;
  const [, indent, key, colon, rest = ''] = match;
  return (
    <>
      {indent}
      <span className="yaml-key">{key}</span>
      {colon}
      <span className={valueClass(rest)}>{`${rest}\n`}</span>
    </>
  );
}

function valueClass(text: string): string {
  const plain = text.trim().replace(/^- /, '');
  if (/^-?[\d.]+(%|s|ms|m|h)?$/.test(plain)) return 'yaml-number';
  return /^(true|false|null)$/.test(plain) ? 'yaml-word' : 'yaml-text';
}
