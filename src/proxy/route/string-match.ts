import type { StringMatcher } from '../../xds/generated/envoy/type/matcher/v3/string_pb.js';
import { ConfigError } from '../errors.ts';
import { compileRegex } from './regex.ts';

export type StringPredicate = (text: string) => boolean;

/** Envoy: `type.matcher.v3.StringMatcher`. `ignore_case` has no effect on regular expressions, as in Envoy. */
export function compileStringMatcher(matcher: StringMatcher | undefined): StringPredicate {
  const pattern = matcher?.matchPattern;
  const fold = matcher?.ignoreCase === true;
  const text = (value: string) => (fold ? value.toLowerCase() : value);
  switch (pattern?.case) {
    case 'exact': {
      const want = text(pattern.value);
      return fold ? (value) => value.toLowerCase() === want : (value) => value === want;
    }
    case 'prefix': {
      const want = text(pattern.value);
      return (value) => text(value).startsWith(want);
    }
    case 'suffix': {
      const want = text(pattern.value);
      return (value) => text(value).endsWith(want);
    }
    case 'contains': {
      const want = text(pattern.value);
      return (value) => text(value).includes(want);
    }
    case 'safeRegex':
      return compileRegex(pattern.value.regex);
    default:
      throw new ConfigError(`string matcher: ${pattern?.case ?? 'no pattern'} is not supported`);
  }
}
