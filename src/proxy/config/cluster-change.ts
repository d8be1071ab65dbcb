/** What of a cluster's change concerns the connections to its hosts. Works on encoded messages, of which the compiled settings do not
 * keep everything. */

/** Fields of envoy.config.cluster.v3.Cluster that say who gets a request, or how many, and nothing about connections. */
const ABOUT_CHOICE: ReadonlySet<number> = new Set([
  6, // lb_policy
  10, // circuit_breakers
  19, // outlier_detection
  22, // lb_subset_config
  23, // ring_hash_lb_config
  25, // metadata
  27, // common_lb_config
  28, // alt_stat_name
  37, // least_request_lb_config
  41, // load_balancing_policy
  52, // maglev_lb_config
  56, // round_robin_lb_config
]);

/** Both clusters, encoded, have the same hosts to begin with and make the same connections. */
export function connectsAlike(one: Uint8Array, other: Uint8Array): boolean {
  const left = connecting(one);
  const right = connecting(other);
  return left.length === right.length && left.every((field, i) => Buffer.compare(field, right[i] ?? EMPTY) === 0);
}

const EMPTY = new Uint8Array();

/** The fields that concern connections, in the order in which they stand. Messages that were decoded before: they are well-formed. */
function connecting(message: Uint8Array): Uint8Array[] {
  const fields: Uint8Array[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; at < message.length; factor *= 128) {
      const byte = message[at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) break;
    }
    return value;
  };
  while (at < message.length) {
    const start = at;
    const tag = varint();
    const kind = tag & 7;
    const length = kind === 0 || kind === 2 ? varint() : 0;
    at += kind === 2 ? length : kind === 1 ? 8 : kind === 5 ? 4 : 0;
    if (!ABOUT_CHOICE.has(tag >>> 3)) fields.push(message.subarray(start, at));
  }
  return fields;
}
