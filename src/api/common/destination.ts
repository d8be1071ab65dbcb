/** Where traffic goes, and how strings are matched: shared by VirtualService, DestinationRule and Sidecar. */
import { list, map, number, object, required, string, uint32, type Infer } from '../schema/schema.ts';

export const PortSelector = object({ number: uint32() }, { docs: { number: 'Port of the service, not of the pod.' } });
export type PortSelector = Infer<typeof PortSelector>;

export const Destination = object(
  { host: required(string()), subset: string(), port: PortSelector },
  {
    docs: {
      host: "Name of a service. A short name means the namespace of this object, whatever the caller's.",
      subset: 'Name of a subset that a DestinationRule of this host defines.',
      port: 'Needed when the service has more than one port.',
    },
  },
);
export type Destination = Infer<typeof Destination>;

/** 0.0…100.0. */
export const Percent = object({ value: number() });
export type Percent = Infer<typeof Percent>;

/** How a text is compared. An empty object matches when the text is present. Istio: StringMatch; the regex is RE2 and must match the whole text. */
export const StringMatch = object(
  { exact: string(), prefix: string(), regex: string() },
  { oneOf: [['exact', 'prefix', 'regex']], docs: { regex: 'RE2 syntax; must match the whole text.' } },
);
export type StringMatch = Infer<typeof StringMatch>;

export const HeaderOperations = object(
  { set: map(string()), add: map(string()), remove: list(string()) },
  { docs: { set: 'Overwrites these headers.', add: 'Appends to these headers.', remove: 'Removes these headers.' } },
);
export type HeaderOperations = Infer<typeof HeaderOperations>;

export const Headers = object({ request: HeaderOperations, response: HeaderOperations });
export type Headers = Infer<typeof Headers>;
