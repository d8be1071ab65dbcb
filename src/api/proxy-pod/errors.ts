import { MeshError } from '../../base/errors.ts';

/** A pod that asks for something that cannot be injected; the message names the annotation. */
export class InjectionError extends MeshError<'INJECTION'> {
  constructor(message: string) {
    super('INJECTION', message);
  }
}
