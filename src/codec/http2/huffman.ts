/** The Huffman code of HPACK. RFC 7541 Appendix B: it is canonical, so the lengths tell the codes. */
import { latin1Slice } from '../http1/latin1.ts';

/** Bits of the code of each octet: `a` is 5, `z` is 30. */
const LENGTHS =
  'isxxxxxxxtzxxzxxxxxxxxzxxxxxxxxxbffhibdgffdgdbbbaaabbbbbbbcdkbhfibccccccccccccccccccccccdcdioijbkabababbbaccbbbabcbaabccccckgjix' +
  'prpprrrsrssssststtrstssssqrsrsstrqprrssqsrrtqrssqqrqsrssprrrsrrsvvporsruvvvwwvtuoqvwwvwtqqvvxwwwptpqrqqsrruuttvsvwvvwwwwwxwwwwwv';
const SHORTEST = 5;
const EOS = 256;
const EOS_LENGTH = 30;

/** One step takes four bits: next state in the low bits, then what the step completed. */
const SYMBOL_SHIFT = 9;
const COMPLETES = 1 << 17;
const FAILS = 1 << 18;
const STATE_MASK = (1 << SYMBOL_SHIFT) - 1;

interface Automaton {
  /** Indexed by state × 16 + four bits. */
  readonly steps: Int32Array;
  /** 1: a string may end here, since what is left over are the first bits of EOS, fewer than eight. */
  readonly accepts: Uint8Array;
}

let automaton: Automaton | undefined;
let scratch = Buffer.alloc(0);

/** @returns the octets as a latin1 string; undefined for a wrong code or wrong padding */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string | undefined {
  const { steps, accepts } = (automaton ??= buildAutomaton());
  // The shortest code has five bits.
  const most = Math.ceil(((end - start) * 8) / SHORTEST);
  if (scratch.length < most) scratch = Buffer.allocUnsafeSlow(Math.max(4096, most * 2));
  let state = 0;
  let length = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    for (let shift = 4; shift >= 0; shift -= 4) {
      const step = steps[state * 16 + ((byte >> shift) & 15)] ?? FAILS;
      if ((step & FAILS) !== 0) return undefined;
      if ((step & COMPLETES) !== 0) scratch[length++] = (step >> SYMBOL_SHIFT) & 0xff;
      state = step & STATE_MASK;
    }
  }
  return accepts[state] === 1 ? latin1Slice(scratch, 0, length) : undefined;
}

/** Tree nodes are numbered as they are made; children: a node, or ~symbol of a leaf. */
function buildAutomaton(): Automaton {
  const children: [number, number][] = [[0, 0]];
  for (const [symbol, code, length] of codes()) {
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const side = (code >> bit) & 1;
      // The path exists from the root on, or is made here.
      const pair = children[node] as [number, number];
      if (pair[side] === 0) {
        pair[side] = children.length;
        children.push([0, 0]);
      }
      node = pair[side] as number;
    }
    (children[node] as [number, number])[code & 1] = ~symbol;
  }
  const steps = new Int32Array(children.length * 16);
  for (let state = 0; state < children.length; state++) for (let bits = 0; bits < 16; bits++) steps[state * 16 + bits] = walk(children, state, bits);
  return { steps, accepts: acceptingStates(children) };
}

/** Symbol, code, length; shorter codes first, then by symbol, each code one above the last. */
function* codes(): Iterable<[symbol: number, code: number, length: number]> {
  const lengths = [...LENGTHS].map((letter) => letter.charCodeAt(0) - 0x61 + SHORTEST);
  lengths[EOS] = EOS_LENGTH;
  const order = lengths.map((_, symbol) => symbol).sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0) || a - b);
  let code = 0;
  let before = SHORTEST;
  for (const symbol of order) {
    const length = lengths[symbol] ?? 0;
    code <<= length - before;
    before = length;
    yield [symbol, code, length];
    code++;
  }
}

function walk(children: readonly (readonly [number, number])[], from: number, bits: number): number {
  let node = from;
  let completed = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = children[node]?.[(bits >> bit) & 1] ?? 0;
    if (next >= 0) {
      node = next;
      continue;
    }
    const symbol = ~next;
    if (symbol === EOS) return FAILS;
    completed = COMPLETES | (symbol << SYMBOL_SHIFT);
    node = 0;
  }
  return completed | node;
}

function acceptingStates(children: readonly (readonly [number, number])[]): Uint8Array {
  const accepts = new Uint8Array(children.length);
  let node = 0;
  for (let depth = 0; depth < 8; depth++) {
    accepts[node] = 1;
    node = children[node]?.[1] ?? 0;
  }
  return accepts;
}
