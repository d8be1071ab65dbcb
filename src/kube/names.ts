/** Names, labels and annotations as Kubernetes checks them. Each check returns what is wrong, or undefined. */
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const DNS_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_PART = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const CONFIG_KEY = /^[-._a-zA-Z0-9]+$/;

const LABEL_TEXT = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_TEXT = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const DNS_1035_TEXT = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED_TEXT = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE_TEXT = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const CONFIG_KEY_TEXT = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

const tooLong = (max: number) => `must be no more than ${max} characters`;
const tooManyBytes = (max: number) => `must be no more than ${max} bytes`;

/** RFC 1123 label: pods' host names, namespaces, containers. At most 63 characters. */
export function labelNameError(name: string): string | undefined {
  if (name.length > 63) return tooManyBytes(63);
  return DNS_LABEL.test(name) ? undefined : LABEL_TEXT;
}

/** RFC 1123 subdomain: names of most objects. At most 253 characters. */
export function subdomainError(name: string): string | undefined {
  if (name.length > 253) return tooManyBytes(253);
  return DNS_SUBDOMAIN.test(name) ? undefined : SUBDOMAIN_TEXT;
}

/** RFC 1035 label: names of Services. */
export function dns1035Error(name: string): string | undefined {
  if (name.length > 63) return tooManyBytes(63);
  return DNS_1035.test(name) ? undefined : DNS_1035_TEXT;
}

/** Any name that can stand as one segment of a URL path: RBAC objects. */
export function pathSegmentError(name: string): string | undefined {
  if (name === '.' || name === '..') return `may not be '${name}'`;
  if (name.includes('/')) return "may not contain '/'";
  return name.includes('%') ? "may not contain '%'" : undefined;
}

/** Keys of labels and annotations: `prefix/name` or `name`. */
export function qualifiedNameError(key: string): string | undefined {
  const parts = key.split('/');
  const name = parts.at(-1) ?? '';
  if (parts.length > 2) {
    return `a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`;
  }
  if (parts.length === 2) {
    if (parts[0] === '') return 'prefix part must be non-empty';
    const prefixError = subdomainError(parts[0] ?? '');
    if (prefixError) return `prefix part ${prefixError}`;
  }
  if (name === '') return 'name part must be non-empty';
  if (name.length > 63) return `name part ${tooManyBytes(63)}`;
  return LABEL_PART.test(name) ? undefined : QUALIFIED_TEXT;
}

export function labelValueError(value: string): string | undefined {
  if (value.length > 63) return tooManyBytes(63);
  return value === '' || LABEL_PART.test(value) ? undefined : LABEL_VALUE_TEXT;
}

/** Keys of ConfigMaps and Secrets. */
export function configKeyError(key: string): string | undefined {
  if (key.length > 253) return tooLong(253);
  if (!CONFIG_KEY.test(key)) return CONFIG_KEY_TEXT;
  if (key === '.' || key === '..') return `must not be '${key}'`;
  return key.startsWith('..') ? "must not start with '..'" : undefined;
}

/** IANA_SVC_NAME: names of container ports and target ports. */
export function portNameError(name: string): string | undefined {
  if (name.length > 15) return 'must be no more than 15 characters';
  if (!/^[-a-z0-9]+$/.test(name)) return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
  if (!/[a-z]/.test(name)) return 'must contain at least one letter (a-z)';
  if (name.includes('--')) return 'must not contain consecutive hyphens';
  return name.startsWith('-') || name.endsWith('-') ? 'must not begin or end with a hyphen' : undefined;
}

/** Letters and digits that cannot spell words: what Kubernetes appends for `generateName`. */
const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** `base` with five random characters; the whole is at most 63 characters. `random` gives 0 ≤ x < 1. */
export function generateName(base: string, random: () => number): string {
  let name = base.slice(0, 58);
  for (let i = 0; i < 5; i++) name += SUFFIX_ALPHABET[Math.floor(random() * SUFFIX_ALPHABET.length)];
  return name;
}
