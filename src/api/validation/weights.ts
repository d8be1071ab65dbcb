/** Weights of destinations: shares of their sum. */
import type { Report } from './report.ts';

/** A single destination gets everything whatever its weight. */
export function checkWeights(report: Report, destinations: readonly { weight?: number }[]): void {
  destinations.forEach(({ weight = 0 }, index) => {
    if (weight < 0) report.at(index, 'weight').error(`must not be negative, but is ${weight}`);
  });
  if (destinations.length < 2) return;
  const total = destinations.reduce((sum, { weight = 0 }) => sum + Math.max(0, weight), 0);
  if (total === 0) report.error('total destination weight = 0: give at least one of the destinations a weight above 0');
  else if (total > 4_294_967_295) report.error(`the weights add up to ${total}, more than 4294967295`);
  else if (total !== 100) report.warning(`the weights add up to ${total}, not 100: they are taken as shares of ${total}`);
}
