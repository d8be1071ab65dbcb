/** Header values with `%OPERATOR%` parts. Envoy: the operators of access logs; what is not known is empty. */
import { ConfigError } from '../errors.ts';
import { tokenize } from '../format/tokens.ts';
import type { HttpOutcome } from '../outcome.ts';

/** Where a format finds what is known of a request by now; made only when a format asks. */
export interface FactSource {
  soFar(): HttpOutcome;
}

export type Format = (source: FactSource) => string;

/** @throws ConfigError on an unknown operator or a lone percent sign */
export function compileFormat(text: string): Format {
  if (!text.includes('%')) return () => text;
  const unknown: string[] = [];
  const tokens = tokenize(text, unknown);
  if (unknown.length > 0) throw new ConfigError(`header value ${JSON.stringify(text)}: there is no operator %${unknown[0]}%`);
  if (isLone(text)) throw new ConfigError(`header value ${JSON.stringify(text)}: a lone % must be written %%`);
  return (source) => {
    const facts = source.soFar();
    return tokens.map((token) => (typeof token === 'string' ? token : (token(facts) ?? ''))).join('');
  };
}

const isLone = (text: string): boolean => text.replaceAll(/%%|%[A-Z_0-9]+(?:\([^)]*\))?(?::\d+)?%/g, '').includes('%');
