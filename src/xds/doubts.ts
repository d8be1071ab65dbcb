import type { Doubts } from './refusals.ts';
import { samePart, type EncodedResource, type ResourcePart } from './resource.ts';

/** More would mean that clients refuse at will; the oldest are forgotten. */
const MAX = 1_000;

interface Doubt {
  readonly version: string;
  readonly part: ResourcePart | undefined;
}

/** What clients of one kind have refused, by content: a resource that is changed is not in doubt any more. */
export function createDoubts(): Doubts {
  const known = new Map<string, Doubt>();
  const key = ({ typeUrl, name }: EncodedResource, part?: ResourcePart) => `${typeUrl} ${name} ${part?.name ?? ''}`;
  return {
    get isEmpty() {
      return known.size === 0;
    },
    about: (resource) => known.get(key(resource))?.version === resource.version,
    aboutPart(resource, part) {
      const doubt = known.get(key(resource, part));
      return doubt?.part !== undefined && samePart(doubt.part, part);
    },
    add(resource, part) {
      const at = key(resource, part);
      known.delete(at);
      known.set(at, { version: resource.version, part });
      const [oldest] = known.keys();
      if (known.size > MAX && oldest !== undefined) known.delete(oldest);
    },
  };
}
