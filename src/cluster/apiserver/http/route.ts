/** What a URL of the API means. Kubernetes: apiserver RequestInfo. */
export interface ResourceRoute {
  group: string;
  version: string;
  namespace?: string;
  plural: string;
  name?: string;
  subresource?: string;
}

/** Undefined when the path is not one of resources. */
export function parseResourcePath(path: string): ResourceRoute | undefined {
  const parts = path.split('/').filter((part) => part !== '').map(decode);
  const [root, ...rest] = parts;
  if (root === 'api' && rest.length >= 2) return resourceOf({ group: '', version: rest[0] ?? '' }, rest.slice(1));
  if (root === 'apis' && rest.length >= 3) return resourceOf({ group: rest[0] ?? '', version: rest[1] ?? '' }, rest.slice(2));
  return undefined;
}

function resourceOf(api: { group: string; version: string }, parts: string[]): ResourceRoute {
  // `namespaces/x` and its subresources are about the namespace itself; anything further is in it.
  const isInNamespace = parts[0] === 'namespaces' && parts.length > 2 && !(api.group === '' && NAMESPACE_SUBRESOURCES.has(parts[2] ?? ''));
  const [plural = '', name, subresource] = isInNamespace ? parts.slice(2) : parts;
  return { ...api, namespace: isInNamespace ? parts[1] : undefined, plural, name, subresource };
}

const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a stray percent sign: no object has such a name
  }
}
