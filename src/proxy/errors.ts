import { MeshError } from '../base/errors.ts';

/** A resource that cannot be used; its message becomes the text of the NACK. */
export class ConfigError extends MeshError<'PROXY_CONFIG'> {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super('PROXY_CONFIG', message, options);
  }
}
