import { clone, create, type DescMessage, type FileRegistry, type Message } from '@bufbuild/protobuf';
import { messageTypes } from '../../xds/message-types.ts';
import { mergeJson } from './json-merge.ts';
import type { Miss } from './match.ts';
import { MESSAGE, typeOf, type Patch, type Place, type Situation } from './patch.ts';

/** What came of the patches, of one resource or of many. */
export interface Outcome {
  readonly applied: ReadonlySet<Patch>;
  /** Where a patch fitted and could not be applied: why. */
  readonly failed: ReadonlyMap<Patch, string>;
  /** Of those that fitted nowhere: the nearest things. */
  readonly missed: ReadonlyMap<Patch, readonly Miss[]>;
}

export const NOTHING: Outcome = { applied: new Set(), failed: new Map(), missed: new Map() };

/** More of what was found instead is not told. */
const MAX_FOUND = 8;

/** One walk of the patches over a resource. */
export class Pass implements Outcome {
  readonly types: FileRegistry = messageTypes();
  readonly applied = new Set<Patch>();
  readonly failed = new Map<Patch, string>();
  readonly missed = new Map<Patch, Miss[]>();
  /** Counts up with everything that is changed. */
  changes = 0;
  readonly #patches: readonly Patch[];
  readonly #situation: Situation;

  constructor(patches: readonly Patch[], situation: Situation) {
    this.#patches = patches;
    this.#situation = situation;
  }

  /** The patches for a place, in their order. */
  at(place: Place): Patch[] {
    return this.#patches.filter((patch) => patch.place === place && (patch.context === 'ANY' || patch.context === this.#situation));
  }

  /** True when nothing speaks against it. */
  fits(patch: Patch, ...misses: readonly (Miss | undefined)[]): boolean {
    const miss = misses.find((m) => m !== undefined);
    if (!miss) return true;
    noteMiss(this.missed, patch, [miss]);
    return false;
  }

  done(patch: Patch): void {
    this.applied.add(patch);
    this.changes += 1;
  }

  fail(patch: Patch, why: string): void {
    this.failed.set(patch, why);
  }

  /** The message with the patch's value over it; as it was when that does not go. */
  merged<M extends Message>(patch: Patch, message: M): M {
    const desc = this.#desc(patch.place);
    // What was read without a doubt can be written: nothing has to be kept as it was. A copy has the type of what is copied.
    const copy = patch.unread.length === 0 ? message : (clone(desc, message) as Message as M);
    if (!this.#write(patch, desc, copy)) return message;
    this.done(patch);
    return copy;
  }

  /** A new message of the patch's value. */
  made<M extends Message>(patch: Patch): M | undefined {
    const desc = this.#desc(patch.place);
    // The caller knows what stands in the place.
    const message = create(desc) as Message as M;
    if (!this.#write(patch, desc, message)) return undefined;
    this.done(patch);
    return message;
  }

  #desc(place: Place): DescMessage {
    return typeOf(MESSAGE[place], this.types);
  }

  #write(patch: Patch, desc: DescMessage, target: Message): boolean {
    const problems: string[] = [];
    mergeJson(desc, target, patch.value, { types: this.types, lists: patch.lists, path: `${patch.path}.patch.value`, problem: (p) => void (p.isPassed || problems.push(`${p.path}: ${p.message}`)) });
    if (problems.length > 0) this.fail(patch, problems.join('; '));
    return problems.length === 0;
  }
}

/** Keeps the nearest. */
function noteMiss(missed: Map<Patch, Miss[]>, patch: Patch, misses: readonly Miss[]): void {
  for (const miss of misses) {
    const known = missed.get(patch) ?? [];
    const depth = known[0]?.depth ?? 0;
    if (miss.depth < depth) continue;
    const same = miss.depth > depth ? [] : known;
    if (same.length < MAX_FOUND && !same.some((m) => m.found === miss.found && m.text === miss.text)) same.push(miss);
    missed.set(patch, same);
  }
}

/** Several outcomes as one. */
export function joined(outcomes: Iterable<Outcome>): Outcome {
  const applied = new Set<Patch>();
  const failed = new Map<Patch, string>();
  const missed = new Map<Patch, Miss[]>();
  for (const outcome of outcomes) {
    for (const patch of outcome.applied) applied.add(patch);
    for (const [patch, why] of outcome.failed) failed.set(patch, why);
    for (const [patch, misses] of outcome.missed) noteMiss(missed, patch, misses);
  }
  return { applied, failed, missed };
}
