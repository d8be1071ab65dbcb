/** `exportTo`: who sees an object. `*` everybody, `.` the object's own namespace, `~` nobody, or names of namespaces. */
export function isVisible(exportTo: readonly string[], owner: string, viewer: string): boolean {
  return exportTo.some((to) => to === '*' || (to === '.' && owner === viewer) || to === viewer);
}

/** What is not set takes the mesh's default. */
export const exportedTo = (own: readonly string[] | undefined, fallback: readonly string[]): readonly string[] => (own && own.length > 0 ? own : fallback);

/** True when each of the wanted labels is there. No wanted label selects everything. */
export function labelsMatch(wanted: Readonly<Record<string, string>> | undefined, labels: Readonly<Record<string, string>>): boolean {
  if (wanted === undefined) return true;
  for (const key of Object.keys(wanted)) if (labels[key] !== wanted[key]) return false;
  return true;
}
