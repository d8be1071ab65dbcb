/** Steady traffic through the ingress, and what became of it. */
import assert from 'node:assert/strict';
import { countBy, startLoad, type Answer, type TestCluster } from '../harness.ts';

export const PER_SECOND = 50;

/** What the product page says of a backend that it could not reach counts as a failure too, although it answers 200. */
const outcomeOf = (answer: Answer): string => {
  if (answer.status !== 200) return answer.status === 0 ? answer.body : `status ${answer.status}: ${answer.body.slice(0, 100)}`;
  return /Error fetching product (?:reviews|details)/.exec(answer.body)?.[0] ?? 'ok';
};

/** Loads the product page while `action` runs; every answer must be right, and nearly all of the requests must have been sent. */
export async function flowsWhile(cluster: TestCluster, base: string, action: () => Promise<void>): Promise<void> {
  const started = performance.now();
  const traffic = startLoad(PER_SECOND, () => cluster.get(`${base}/productpage`));
  let answers: Answer[];
  try {
    await action();
  } finally {
    answers = await traffic.stop();
  }
  const seconds = (performance.now() - started) / 1000;
  const outcomes = countBy(answers, outcomeOf);
  assert.deepEqual(outcomes, { ok: answers.length });
  assert.ok(answers.length > PER_SECOND * seconds * 0.5, `only ${answers.length} requests in ${seconds.toFixed(1)} s`);
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
