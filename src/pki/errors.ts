import { MeshError } from '../base/errors.ts';

/** A certificate, key or request that cannot be used. `PKI_INPUT`: what was handed in is malformed; `PKI_REFUSED`: it is
 * well-formed but must not be signed or trusted. */
export class PkiError extends MeshError<'PKI_INPUT' | 'PKI_REFUSED'> {}
