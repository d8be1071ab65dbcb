/** `node attacker.ts NAME PORT SECONDS`: one attack, then the number of connections that it took. */
import { ATTACKS, attack } from './attacks.ts';

const [, , name = '', port = '', seconds = ''] = process.argv;
const one = ATTACKS.find((candidate) => candidate.name === name);
if (!one) throw new Error(`no attack "${name}"`);
console.log(String(await attack(one, Number(port), AbortSignal.timeout(Number(seconds) * 1000))));
