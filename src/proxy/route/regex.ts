import { RE2JS } from 're2js';
import { ConfigError } from '../errors.ts';

/** Full match of a RE2 expression, in linear time whatever the expression. */
export function compileRegex(pattern: string): (text: string) => boolean {
  const compiled = parse(pattern);
  return (text) => compiled.matches(text);
}

/** Replaces every match; `\1` … `\9` and `\0` in the substitution are groups. Envoy: `RegexMatchAndSubstitute`. */
export function compileSubstitution(pattern: string, substitution: string): (text: string) => string {
  const compiled = parse(pattern);
  const replacement = substitution.replaceAll('$', String.raw`\$`).replaceAll(/\\(\d)/g, '$$$1');
  return (text) => compiled.matcher(text).replaceAll(replacement);
}

function parse(pattern: string): ReturnType<typeof RE2JS.compile> {
  try {
    return RE2JS.compile(pattern);
  } catch (cause) {
    throw new ConfigError(`invalid regular expression ${JSON.stringify(pattern)}; RE2 syntax is needed`, { cause });
  }
}
