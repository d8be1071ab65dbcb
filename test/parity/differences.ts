/** Scenarios in which we mean to differ from Envoy, with the reason. A scenario that stops to differ fails until it is removed. */
export const DIFFERENCES: Readonly<Record<string, string>> = {};
