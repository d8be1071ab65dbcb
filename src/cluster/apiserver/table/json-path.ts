/** The part of JSONPath that printer columns use: `.a.b`, `['a']`, `[0]`, `[*]`, `[?(@.type=="Ready")]`, `..x` is not. */
type Step = { t: 'field'; name: string } | { t: 'index'; index: number } | { t: 'all' } | { t: 'filter'; path: (value: unknown) => unknown[]; op: string; value: unknown };

const TOKEN = /^(?:\.([\w$-]+(?:\\\.[\w$-]+)*)|\.?\[\s*'([^']*)'\s*\]|\.?\[\s*"([^"]*)"\s*\]|\[\s*(-?\d+)\s*\]|(\.\*|\[\s*\*\s*\])|\[\s*\?\(\s*@(.*?)\s*(?:(==|!=|>=|<=|>|<)\s*(.*?))?\s*\)\s*\])/;

/** Reads all values at a path; a path that cannot be understood reads nothing. */
export function compileJsonPath(path: string): (object: unknown) => unknown[] {
  const steps = parse(path.trim().replace(/^\{(.*)\}$/s, '$1').replace(/^\$/, ''));
  return (object) => (steps ? steps.reduce<unknown[]>((values, step) => values.flatMap((value) => follow(value, step)), [object]) : []);
}

function parse(path: string): Step[] | undefined {
  const steps: Step[] = [];
  for (let rest = path.startsWith('.') || path.startsWith('[') ? path : `.${path}`; rest !== ''; ) {
    const match = TOKEN.exec(rest);
    if (!match) return undefined;
    const [whole, field, single, double, index, all, filter, op, literal] = match;
    const name = field?.replaceAll('\\.', '.') ?? single ?? double;
    if (name !== undefined) steps.push({ t: 'field', name });
    else if (index !== undefined) steps.push({ t: 'index', index: Number(index) });
    else if (all !== undefined) steps.push({ t: 'all' });
    else if (filter !== undefined) steps.push({ t: 'filter', path: compileJsonPath(filter), op: op ?? '', value: literalOf(literal ?? '') });
    rest = rest.slice(whole.length);
  }
  return steps;
}

function literalOf(text: string): unknown {
  const quoted = /^(['"])(.*)\1$/s.exec(text);
  if (quoted) return quoted[2];
  if (text === 'true' || text === 'false') return text === 'true';
  return text !== '' && !Number.isNaN(Number(text)) ? Number(text) : text;
}

function follow(value: unknown, step: Step): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  const list = Array.isArray(value) ? (value as unknown[]) : undefined;
  switch (step.t) {
    case 'field': {
      const member = (value as Record<string, unknown>)[step.name];
      return list || member === undefined ? [] : [member];
    }
    case 'index': {
      const item = list?.at(step.index);
      return item === undefined ? [] : [item];
    }
    case 'all': return list ?? Object.values(value);
    case 'filter': return (list ?? []).filter((item) => passes(step.path(item)[0], step.op, step.value));
  }
}

function passes(actual: unknown, op: string, wanted: unknown): boolean {
  switch (op) {
    case '': return actual !== undefined;
    case '==': return actual === wanted;
    case '!=': return actual !== undefined && actual !== wanted;
    case '>': return Number(actual) > Number(wanted);
    case '<': return Number(actual) < Number(wanted);
    case '>=': return Number(actual) >= Number(wanted);
    case '<=': return Number(actual) <= Number(wanted);
    default: return false;
  }
}
