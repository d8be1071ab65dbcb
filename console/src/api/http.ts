/** GET and POST of JSON from the console's server, with errors that people can act on. */
export class SourceError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'SourceError';
    this.status = status;
  }
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return readJson<T>(await send(path, { signal }));
}

/** Plain text, such as a container's log. */
export async function getText(path: string, signal?: AbortSignal): Promise<string> {
  const response = await send(path, { signal });
  const text = await response.text();
  if (!response.ok) throw new SourceError(response.status, messageOf(parse(text)) ?? `HTTP ${response.status} from ${new URL(response.url).pathname}`);
  return text;
}

export async function postForm<T>(path: string, form: Record<string, string>, signal?: AbortSignal): Promise<T> {
  return readJson<T>(await send(path, { method: 'POST', body: new URLSearchParams(form), signal }));
}

async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new SourceError(0, 'The console’s server does not answer. Is the port-forward still open?');
  }
}

async function readJson<T>(response: Response): Promise<T> {
  const text = await response.text();
  const body = parse(text);
  if (!response.ok) throw new SourceError(response.status, messageOf(body) ?? `HTTP ${response.status} from ${new URL(response.url).pathname}`);
  // The callers name the type of the API they ask; nothing between checks it.
  return body as T;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: plain text or a page; the status tells the story.
    return undefined;
  }
}

/** Prometheus says `error`, Kubernetes and our server `message`. */
function messageOf(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { message, error } = body as { message?: unknown; error?: unknown };
  return typeof message === 'string' ? message : typeof error === 'string' ? error : undefined;
}
