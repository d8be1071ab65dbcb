/** One kind of table of `proxy-config`. */
import type { ConfigDump, Json } from './dump.ts';

export interface Filters {
  fqdn?: string;
  direction?: string;
  subset?: string;
  port?: string;
  name?: string;
  address?: string;
  cluster?: string;
  status?: string;
}

export interface Table {
  header: readonly string[];
  rows: (readonly string[])[];
}

export interface View {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly about: string;
  /** Admin path that answers it. */
  readonly path: string;
  /** What `-o json` prints. */
  pick(dump: ConfigDump): Json[];
  table(dump: ConfigDump, filters: Filters): Table;
}
