/** How the application of a machine is, as its agent tells it on the stream that brings the configuration. Istio: HealthInformation. */
import type { DeltaRequest } from './client/delta-session.ts';
import { TypeUrl } from './type-urls.ts';

export interface HealthReport {
  readonly isHealthy: boolean;
  /** Why not. */
  readonly message: string;
}

/** Not a subscription: the request itself is the news, and nothing answers it. */
export const healthRequest = ({ isHealthy, message }: HealthReport): DeltaRequest => ({
  typeUrl: TypeUrl.Health, subscribe: [], unsubscribe: [], initialVersions: {}, nonce: '', ...(isHealthy ? {} : { error: message }),
});
