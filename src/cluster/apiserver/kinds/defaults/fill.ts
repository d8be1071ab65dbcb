/** Sets fields that are absent and leaves the others as they are. */
export function fill<T extends object>(target: T, defaults: Partial<T>): T {
  for (const key of Object.keys(defaults) as (keyof T)[]) {
    const value = defaults[key];
    if (target[key] === undefined && value !== undefined) target[key] = value;
  }
  return target;
}

/** The member, made when it is absent. */
export function child<T extends object, K extends keyof T>(target: T, key: K, made: NonNullable<T[K]>): NonNullable<T[K]> {
  const present = target[key];
  if (present !== undefined && present !== null) return present;
  target[key] = made;
  return made;
}
