/** What filters found out of a request, as a condition. Envoy: `type.matcher.v3.MetadataMatcher`. */
import type { MetadataMatcher } from '../../xds/generated/envoy/type/matcher/v3/metadata_pb.js';
import type { ValueMatcher } from '../../xds/generated/envoy/type/matcher/v3/value_pb.js';
import { ConfigError } from '../errors.ts';
import { compileStringMatcher } from './string-match.ts';

/** @returns a predicate of the metadata of the filter that the matcher names */
export function compileMetadataMatcher(matcher: MetadataMatcher): (found: unknown) => boolean {
  const keys = matcher.path.map((segment) => segment.segment.value ?? '');
  const matches = compileValue(matcher.value);
  return (found) => {
    let value = found;
    for (const key of keys) value = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
    return matches(value) !== matcher.invert;
  };
}

/** Envoy: `type.matcher.v3.ValueMatcher`. */
function compileValue(matcher: ValueMatcher | undefined): (value: unknown) => boolean {
  const pattern = matcher?.matchPattern;
  switch (pattern?.case) {
    case 'nullMatch':
      return (value) => value === null;
    case 'stringMatch': {
      const matches = compileStringMatcher(pattern.value);
      return (value) => typeof value === 'string' && matches(value);
    }
    case 'boolMatch':
      return (value) => value === pattern.value;
    case 'presentMatch':
      return (value) => (value !== undefined) === pattern.value;
    case 'doubleMatch': {
      const { matchPattern } = pattern.value;
      if (matchPattern.case === 'exact') return (value) => value === matchPattern.value;
      if (matchPattern.case === 'range') return (value) => typeof value === 'number' && value >= matchPattern.value.start && value < matchPattern.value.end;
      return () => false;
    }
    case 'listMatch': {
      const { matchPattern } = pattern.value;
      const matches = matchPattern.case === 'oneOf' ? compileValue(matchPattern.value) : () => false;
      return (value) => Array.isArray(value) && value.some(matches);
    }
    case 'orMatch': {
      const options = pattern.value.valueMatchers.map(compileValue);
      return (value) => options.some((matches) => matches(value));
    }
    default:
      throw new ConfigError(`value matcher: ${pattern?.case ?? '(none)'} is not supported`);
  }
}
