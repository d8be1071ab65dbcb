import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import { badRequest, invalid, invalidObject } from '../status.ts';
import type { LogOptions, PodStreams } from '../pod-streams.ts';

export interface LogCall {
  response: ServerResponse;
  query: URLSearchParams;
  pod: Pod;
  at: { namespace: string; name: string };
}

/** `pods/log`: the node's log as text, as long as the client stays. @throws KubeApiError before the first byte */
export async function serveLog(streams: PodStreams, call: LogCall, closed: AbortSignal): Promise<void> {
  const { response } = call;
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, closed]);
  const log = await streams.logs(call.at, optionsOf(call), signal);
  response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  await pipeline(log, response).catch((error: unknown) => {
    // The client has gone, which is how every followed log ends.
    log.destroy();
    if (!signal.aborted && !response.destroyed) response.destroy(error instanceof Error ? error : undefined);
  });
}

function optionsOf({ query, pod }: LogCall): LogOptions {
  const flag = (name: string) => ['true', '1'].includes(query.get(name) ?? '');
  const number = (name: string): number | undefined => {
    const text = query.get(name);
    if (text === null || text === '') return undefined;
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0) throw invalidObject({ group: '', plural: 'pods', kind: 'PodLogOptions' }, pod.metadata?.name ?? '', [invalid(name, value, 'must be greater than or equal to 0')]);
    return value;
  };
  return {
    container: containerOf(pod, query.get('container') || undefined),
    follow: flag('follow'), previous: flag('previous'), timestamps: flag('timestamps'),
    tailLines: number('tailLines'), sinceSeconds: number('sinceSeconds'), sinceTime: query.get('sinceTime') || undefined, limitBytes: number('limitBytes'),
  };
}

/** @throws KubeApiError 400 when there are several and none was named, or there is no such one */
function containerOf(pod: Pod, wanted: string | undefined): string {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const name = pod.metadata?.name ?? '';
  if (wanted === undefined) {
    const [only, ...others] = containers;
    if (only && others.length === 0 && initContainers.length === 0) return only.name;
    const inits = initContainers.length > 0 ? ` or one of the init containers: [${initContainers.map((c) => c.name).join(' ')}]` : '';
    throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${containers.map((c) => c.name).join(' ')}]${inits}`);
  }
  if ([...containers, ...initContainers, ...ephemeralContainers].some((c) => c.name === wanted)) return wanted;
  throw badRequest(`container ${wanted} is not valid for pod ${name}`);
}
