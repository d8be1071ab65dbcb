import { MeshError } from '../base/errors.ts';

/** An installation that cannot be begun or does not come up. The text is for the operator: what, where, and the way out. */
export class InstallError extends MeshError<'INSTALL_OPTIONS' | 'INSTALL_ENVOY' | 'INSTALL_TIMEOUT' | 'INSTALL_APPLY'> {}
