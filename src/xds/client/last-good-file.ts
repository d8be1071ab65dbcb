/** The configuration in force, kept on disk, so that a sidecar that restarts while the control plane is away still serves.
 * TLS secrets are never written. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import { makeDirectory, removeFile, renameFile, writeToFile } from '../../base/files.ts';
import type { Log } from '../../base/log.ts';
import { runCold } from '../../base/run-cold.ts';
import { decodeDeltaResponse, encodeResources } from './delta-codec.ts';
import type { DeltaResource, DeltaUpdate } from './delta-session.ts';
import { FrameReader, encodeFrame } from '../../grpc/frames.ts';

export interface LastGoodFileOptions {
  readonly path: string;
  /** Larger configurations are not kept. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Changes within this time are written together. Default 5 s: the whole configuration is written each time. */
  readonly delayMs?: number;
  readonly clock?: Clock;
  readonly log: Log;
}

export interface LastGoodFile {
  /** What was in force, by type URL; empty when there is no file or it cannot be read. */
  load(): Map<string, DeltaResource[]>;
  /** Notes what has just been accepted. */
  note(update: DeltaUpdate): void;
  /** Writes what is not yet written. */
  close(): Promise<void>;
}

const SECRET_TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

export function createLastGoodFile(options: LastGoodFileOptions): LastGoodFile {
  const { path, maxBytes = 64 * 1024 * 1024, delayMs = 5000, clock = systemClock, log } = options;
  const held = new Map<string, Map<string, DeltaResource>>();
  let timer: Timer | undefined;
  let writing: Promise<void> = Promise.resolve();

  const flush = (): void => {
    timer = undefined;
    const content = runCold(bytesOf(held), () => Buffer.concat(Array.from(held, ([typeUrl, resources]) => encodeFrame(encodeResources(typeUrl, resources.values())))));
    writing = writing.then(() => replace(path, content, maxBytes)).catch((error: unknown) => log.warn('cannot keep the last good configuration', { path, error: errorText(error) }));
  };
  return {
    load() {
      const loaded = read(path, maxBytes, log);
      for (const [typeUrl, resources] of loaded) held.set(typeUrl, new Map(resources.map((r) => [r.name, r])));
      return loaded;
    },
    note(update) {
      if (update.typeUrl === SECRET_TYPE || (update.upserted.length === 0 && update.removed.length === 0)) return;
      const resources = held.get(update.typeUrl) ?? new Map<string, DeltaResource>();
      held.set(update.typeUrl, resources);
      for (const name of update.removed) resources.delete(name);
      for (const resource of update.upserted) resources.set(resource.name, resource);
      timer ??= clock.after(delayMs, flush);
      timer.unref();
    },
    async close() {
      if (timer) {
        timer.cancel();
        flush();
      }
      await writing;
    },
  };
}

function bytesOf(held: ReadonlyMap<string, ReadonlyMap<string, DeltaResource>>): number {
  let bytes = 0;
  for (const resources of held.values()) for (const { value } of resources.values()) bytes += value.length;
  return bytes;
}

/** At once: until it is read there is nothing to serve, and Node's helper threads need not be there for it. */
function read(path: string, maxBytes: number, log: Log): Map<string, DeltaResource[]> {
  try {
    const bytes = readFileSync(path);
    const messages = new FrameReader(maxBytes).push(bytes);
    if (typeof messages === 'string') throw new Error(messages);
    return runCold(bytes.length, () => new Map(messages.map(decodeDeltaResponse).map((m) => [m.typeUrl, [...m.resources]])));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') log.warn('the last good configuration cannot be read; starting without it', { path, error: errorText(error) });
    return new Map();
  }
}

async function replace(path: string, content: Buffer, maxBytes: number): Promise<void> {
  if (content.length > maxBytes) return removeFile(path, { force: true });
  await makeDirectory(dirname(path), { recursive: true });
  const draft = `${path}.new`;
  await writeToFile(draft, content, { mode: 0o600 });
  await renameFile(draft, path);
}
