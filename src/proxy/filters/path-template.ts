import { ConfigError } from '../errors.ts';

/** Path templates of Istio and Envoy: `*` or `{*}` is one segment, `**` or `{**}` any rest, `{name}` and `{name=*}` likewise.
 * Envoy: `path.match.uri_template`. */
export function compilePathTemplate(template: string): (path: string) => boolean {
  if (!template.startsWith('/')) throw new ConfigError(`path template ${JSON.stringify(template)} must begin with /`);
  const parts = template.slice(1).split('/').map((part) => part.replace(/^\{(?:[A-Za-z_][A-Za-z0-9_]*=)?(\*\*?)\}$/, '$1').replace(/^\{[A-Za-z_][A-Za-z0-9_]*\}$/, '*'));
  if (parts.some((part) => /[{}]/.test(part))) throw new ConfigError(`path template ${JSON.stringify(template)}: only {*}, {**} and {name} are allowed, and only as whole segments`);
  if (parts.filter((part) => part === '**').length > 1) throw new ConfigError(`path template ${JSON.stringify(template)}: only one ** is allowed`);
  const rest = parts.indexOf('**');
  const before = rest < 0 ? parts : parts.slice(0, rest);
  const after = rest < 0 ? [] : parts.slice(rest + 1);
  const fits = (pattern: string, segment: string | undefined) => segment !== undefined && (pattern === '*' ? segment !== '' : pattern === segment);
  return (path) => {
    if (!path.startsWith('/')) return false;
    const segments = path.slice(1).split('/');
    if (rest < 0 ? segments.length !== before.length : segments.length < before.length + after.length) return false;
    if (!before.every((pattern, i) => fits(pattern, segments[i]))) return false;
    return after.every((pattern, i) => fits(pattern, segments[segments.length - after.length + i]));
  };
}
