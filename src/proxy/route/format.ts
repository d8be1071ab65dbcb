/** Header values with `%OPERATOR%` parts. Envoy: the operators of access logs; what is not known is empty. */
import { formatProblem } from '../../base/format-operators.ts';
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
  const problem = formatProblem(text, 'header value');
  if (problem !== undefined) throw new ConfigError(`header value ${JSON.stringify(text)}: ${problem}`);
  const tokens = tokenize(text, []);
  return (source) => {
    const facts = source.soFar();
    return tokens.map((token) => (typeof token === 'string' ? token : (token(facts) ?? ''))).join('');
  };
}
