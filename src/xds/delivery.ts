/** How far a request came that a sidecar could not finish: two sidecars on the way of a request agree on this, so that the one at
 * the caller can tell what may be sent again from what may not. Ordinary Envoy sets and reads it by `local_reply_config` and
 * `retriable_headers`; our own data path knows it by heart. */

/** Header of an answer that the sidecar of the called workload made itself. It does not reach the calling application. */
export const DELIVERY_HEADER = 'x-lateen-delivery';

export const Delivery = {
  /** No byte of it reached an application: sending it elsewhere repeats nothing. */
  None: 'none',
  /** It may have, but its method says that doing it twice is doing it once. RFC 9110 §9.2.2 */
  Repeatable: 'repeatable',
  /** It may have, and must not be sent again unless the route asks for it. */
  Possible: 'possible',
} as const;

export const IDEMPOTENT_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'];

/** A word of `retry_on` that other proxies ignore. With it a try that reached nobody does not count as long as there is a host that
 * was not tried; a connection that breaks under an idempotent request is a reason to try again; and what a sidecar says of
 * the delivery comes before what the status says. */
export const RETRY_UNDELIVERED = 'undelivered';
