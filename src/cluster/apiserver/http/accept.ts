/** Content negotiation: which of our forms of an answer the client wants most. */
export type Form = 'json' | 'yaml' | 'table' | 'partial';

export interface Accepted {
  form: Form;
  /** Of a table or partial object: `v1`. */
  version: string;
}

/** Undefined when none of the wanted types can be answered. */
export function negotiate(accept: string | undefined, canTransform: boolean): Accepted | undefined {
  if (!accept || accept.trim() === '') return { form: 'json', version: 'v1' };
  const wanted = accept.split(',').map(parseType).sort((a, b) => b.quality - a.quality);
  for (const { type, parameters } of wanted) {
    const as = parameters.get('as');
    if (type === 'application/json' && as !== undefined) {
      if (!canTransform || parameters.get('g') !== 'meta.k8s.io' || !['v1', 'v1beta1'].includes(parameters.get('v') ?? '')) continue;
      const version = parameters.get('v') ?? 'v1';
      if (as === 'Table') return { form: 'table', version };
      if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { form: 'partial', version };
      continue;
    }
    if (type === 'application/json' || type === '*/*' || type === 'application/*') return { form: 'json', version: 'v1' };
    if (type === 'application/yaml') return { form: 'yaml', version: 'v1' };
  }
  return undefined;
}

function parseType(text: string): { type: string; parameters: Map<string, string>; quality: number } {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters = new Map(rest.map((part) => {
    const equals = part.indexOf('=');
    return [part.slice(0, equals), part.slice(equals + 1)] as const;
  }));
  return { type: type.toLowerCase(), parameters, quality: Number(parameters.get('q') ?? '1') };
}
