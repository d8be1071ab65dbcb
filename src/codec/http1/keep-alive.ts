/** What servers say of the connections that they keep. */
/** `timeout=5, max=100` → 5000; Infinity when it says nothing of use. RFC 2068 §19.7.1.1 */
export function keepAliveMs(field: string | undefined): number {
  const seconds = field === undefined ? 0 : Number(/(?:^|[,\s])timeout=(\d{1,6})/i.exec(field)?.[1] ?? 0);
  return seconds > 0 ? seconds * 1000 : Infinity;
}
