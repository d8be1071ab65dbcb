/** Keeps the scraper's targets equal to the pods that ask for it. */
import type { Pod } from 'kubernetes-types/core/v1';
import type { Informer } from '../../kube/informer.ts';
import { objectKey } from '../../kube/object.ts';
import type { Scraper } from './scraper.ts';
import { targetOfPod } from './target.ts';

/** Follows the informer until the returned function is called. */
export function followPods(pods: Pick<Informer<Pod>, 'subscribe'>, scraper: Pick<Scraper, 'add' | 'remove'>): () => void {
  const current = new Map<string, string>();
  return pods.subscribe((event) => {
    const key = objectKey(event.object);
    const target = event.type === 'deleted' ? undefined : targetOfPod(event.object);
    const before = current.get(key);
    if (before === target?.id) return;
    // The end of a scrape loop only writes stale markers; nothing waits for it.
    if (before !== undefined) void scraper.remove(before);
    if (target) {
      current.set(key, target.id);
      scraper.add(target);
    } else current.delete(key);
  });
}
