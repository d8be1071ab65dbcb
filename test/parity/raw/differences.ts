/** Scenarios in which we mean to differ from Envoy, with the reason. A scenario that stops to differ fails until it is removed. */
export const DIFFERENCES: Readonly<Record<string, string>> = {
  'a folded header': 'obs-fold is ambiguous to whoever stands behind us (RFC 9112 §5.2 lets a server refuse it): we answer 400, Envoy joins the lines',
  'x-forwarded-for is appended for an edge proxy': 'for a client on the loopback Envoy appends the machine’s own address instead of 127.0.0.1; we append what the socket says',
};
