/** Loaded only where YAML is to be read. */
export { parse as parseYaml } from 'yaml';
