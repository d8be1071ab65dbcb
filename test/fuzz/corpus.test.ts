/** All that the fuzzer has kept, tried again: what reaches far, and what was a fault once. `make fuzz` looks for more. */
import test from 'node:test';
import { foundInputs, gainedInputs } from './corpus.ts';
import { randomOf } from './target.ts';
import { loadTargets, MODULES } from './targets.ts';

for (const module of MODULES) {
  test(`the corpus of ${module}`, async (t) => {
    const targets = await loadTargets(module);
    t.after(() => Promise.all(targets.map((target) => target.close?.())));
    for (const { name, seeds, check } of targets) {
      await t.test(name, async () => {
        for (const input of [...seeds, ...foundInputs(name), ...gainedInputs(name)]) {
          try {
            await check(input, randomOf(input));
          } catch (cause) {
            throw new Error(`with ${JSON.stringify(input.toString('latin1'))}`, { cause });
          }
        }
      });
    }
  });
}
