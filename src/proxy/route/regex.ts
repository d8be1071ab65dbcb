import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';
import { ConfigError } from '../errors.ts';

/** Full match of a RE2 expression, in linear time whatever the expression. */
export function compileRegex(pattern: string): (text: string) => boolean {
  const compiled = parse(pattern);
  return (text) => compiled.matches(text);
}

/** Replaces every match; `\1` … `\9` and `\0` in the substitution are groups. Envoy: `RegexMatchAndSubstitute`. */
export function compileSubstitution(pattern: string, substitution: string): (text: string) => string {
  const compiled = parse(pattern);
  const parts = substitution.split(/\\(\d)/).map((part, i) => (i % 2 === 1 ? Number(part) : part.replaceAll('\\\\', '\\')));
  return (text) => {
    const matcher = compiled.matcher(text);
    let result = '';
    let end = 0;
    while (matcher.find()) {
      result += text.slice(end, matcher.start());
      for (const part of parts) result += typeof part === 'number' ? (part <= matcher.groupCount() ? (matcher.group(part) ?? '') : '') : part;
      end = matcher.end();
    }
    return result + text.slice(end);
  };
}

/** Required, not imported: a quarter of the proxy's code by size, and most proxies are told no expression. */
const library = () => createRequire(import.meta.url)('re2js') as { RE2JS: typeof RE2JS };

function parse(pattern: string): ReturnType<typeof RE2JS.compile> {
  try {
    return library().RE2JS.compile(pattern);
  } catch (cause) {
    throw new ConfigError(`invalid regular expression ${JSON.stringify(pattern)}; RE2 syntax is needed`, { cause });
  }
}
