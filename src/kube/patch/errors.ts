import { MeshError } from '../../base/errors.ts';

/** A patch cannot be applied to this document, or is none. */
export class PatchError extends MeshError<'KUBE_PATCH'> {
  constructor(message: string) {
    super('KUBE_PATCH', message);
  }
}
