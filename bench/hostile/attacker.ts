/** `node attacker.ts NAME PORT SECONDS`: one attack. Prints `ready` when all of its connections have been made once, and at the end how many it made again. */
import { ATTACKS, attack } from './attacks.ts';

const [, , name = '', port = '', seconds = ''] = process.argv;
const one = ATTACKS.find((candidate) => candidate.name === name);
if (!one) throw new Error(`no attack "${name}"`);
const ends = new AbortController();
process.once('SIGTERM', () => ends.abort());
// Connections that are not read keep no process alive.
const life = setInterval(() => {}, 1000);
console.log(String(await attack(one, Number(port), AbortSignal.any([ends.signal, AbortSignal.timeout(Number(seconds) * 1000)]), () => console.log('ready'))));
clearInterval(life);
