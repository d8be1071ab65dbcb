/** The `cluster.env` of a machine: variables as a shell reads them, one a line. Istio: istioctl experimental workload entry configure. */

/** @returns values without their quotes; lines that are no assignments are left out */
export function parseClusterEnv(text: string): Record<string, string> {
  const lines = text.split('\n').map((line) => /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$/.exec(line));
  return Object.fromEntries(lines.flatMap((match) => (match?.[1] === undefined ? [] : [[match[1], unquote(match[2]?.trim() ?? '')]])));
}

/** One word of a shell: pieces in single quotes, in double quotes, and without. */
const unquote = (word: string): string =>
  word.replace(/'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/g, (_all, single: string | undefined, double: string | undefined, escaped: string | undefined) => single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? '');
