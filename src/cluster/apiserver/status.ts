/** The refusals of the API server, in Kubernetes' words. Kubernetes: apimachinery pkg/api/errors. */
import { KubeApiError } from '../../kube/client.ts';
import { failure } from '../../kube/errors.ts';
import type { Resource } from '../../kube/resource.ts';

type Named = Pick<Resource, 'group' | 'plural' | 'kind'>;

/** `pods`, `deployments.apps`. */
export const qualified = (r: Pick<Named, 'group' | 'plural'>): string => (r.group === '' ? r.plural : `${r.plural}.${r.group}`);
/** `Pod`, `Deployment.apps`. */
const qualifiedKind = (r: Pick<Named, 'group' | 'kind'>): string => (r.group === '' ? r.kind : `${r.kind}.${r.group}`);

const details = (r: Pick<Named, 'group' | 'plural'>, name: string) => ({ ...(name === '' ? {} : { name }), ...(r.group === '' ? {} : { group: r.group }), kind: r.plural });

export const notFound = (r: Named, name: string): KubeApiError =>
  new KubeApiError(failure(404, 'NotFound', `${qualified(r)} ${quote(name)} not found`, details(r, name)));

export const alreadyExists = (r: Named, name: string): KubeApiError =>
  new KubeApiError(failure(409, 'AlreadyExists', `${qualified(r)} ${quote(name)} already exists`, details(r, name)));

export const STALE = 'the object has been modified; please apply your changes to the latest version and try again';

export const conflict = (r: Named, name: string, why = STALE): KubeApiError =>
  new KubeApiError(failure(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(r)} ${quote(name)}: ${why}`, details(r, name)));

export const badRequest = (message: string): KubeApiError => new KubeApiError(failure(400, 'BadRequest', message));

export const forbidden = (r: Named, name: string, why: string): KubeApiError =>
  new KubeApiError(failure(403, 'Forbidden', `${qualified(r)}${name === '' ? '' : ` ${quote(name)}`} is forbidden: ${why}`, details(r, name)));

export const unauthorized = (): KubeApiError => new KubeApiError(failure(401, 'Unauthorized', 'Unauthorized'));

export const methodNotAllowed = (r: Named, verb: string): KubeApiError =>
  new KubeApiError(failure(405, 'MethodNotAllowed', `${verb} is not supported on resources of kind "${qualified(r)}"`, details(r, '')));

export const expired = (from: number, oldest: number): KubeApiError => new KubeApiError(failure(410, 'Expired', `too old resource version: ${from} (${oldest})`));

export const expiredContinue = (): KubeApiError =>
  new KubeApiError(failure(410, 'Expired', 'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.'));

export const unsupportedMediaType = (accepted: readonly string[]): KubeApiError =>
  new KubeApiError(failure(415, 'UnsupportedMediaType', `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`));

export const notAcceptable = (accepted: readonly string[]): KubeApiError =>
  new KubeApiError(failure(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`));

export const noSuchPath = (): KubeApiError => new KubeApiError(failure(404, 'NotFound', 'the server could not find the requested resource', {}));

/** One thing wrong with one field. Kubernetes: apimachinery field.Error. */
export interface FieldError {
  field: string;
  type: 'FieldValueRequired' | 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueNotSupported' | 'FieldValueDuplicate' | 'FieldValueTooLong' | 'FieldValueTooMany' | 'FieldValueNotFound' | 'FieldValueTypeInvalid';
  /** Without the field: `Required value`, `Invalid value: 0: must be …`. */
  message: string;
}

const withDetail = (head: string, detail: string): string => (detail === '' ? head : `${head}: ${detail}`);

export const required = (field: string, detail = ''): FieldError => ({ field, type: 'FieldValueRequired', message: withDetail('Required value', detail) });
export const invalid = (field: string, value: unknown, detail: string): FieldError => ({ field, type: 'FieldValueInvalid', message: withDetail(`Invalid value: ${shown(value)}`, detail) });
export const typeInvalid = (field: string, value: unknown, detail: string): FieldError => ({ field, type: 'FieldValueTypeInvalid', message: withDetail(`Invalid value: ${shown(value)}`, detail) });
export const duplicate = (field: string, value: unknown): FieldError => ({ field, type: 'FieldValueDuplicate', message: `Duplicate value: ${shown(value)}` });
export const forbiddenField = (field: string, detail: string): FieldError => ({ field, type: 'FieldValueForbidden', message: withDetail('Forbidden', detail) });
export const notFoundField = (field: string, value: unknown): FieldError => ({ field, type: 'FieldValueNotFound', message: `Not found: ${shown(value)}` });
export const tooLong = (field: string, max: number): FieldError => ({ field, type: 'FieldValueTooLong', message: `Too long: may not be more than ${max} bytes` });
export const tooMany = (field: string, actual: number, max: number): FieldError => ({ field, type: 'FieldValueTooMany', message: `Too many: ${actual}: must have at most ${max} items` });

export const notSupported = (field: string, value: unknown, allowed: readonly string[]): FieldError => ({
  field, type: 'FieldValueNotSupported', message: `Unsupported value: ${shown(value)}: supported values: ${[...allowed].sort().map(quote).join(', ')}`,
});

export function invalidObject(r: Named, name: string, errors: readonly FieldError[]): KubeApiError {
  const lines = [...new Set(errors.map(fieldErrorText))];
  const text = lines.length === 1 ? (lines[0] ?? '') : `[${lines.join(', ')}]`;
  return new KubeApiError(failure(422, 'Invalid', `${qualifiedKind(r)} ${quote(name)} is invalid: ${text}`, {
    ...(name === '' ? {} : { name }), ...(r.group === '' ? {} : { group: r.group }), kind: r.kind,
    causes: errors.map((e) => ({ reason: e.type, message: e.message, field: e.field })),
  }));
}

export const fieldErrorText = (error: FieldError): string => `${error.field === '' ? '<nil>' : error.field}: ${error.message}`;

/** A Go string literal for what Kubernetes prints with %q. */
export const quote = (text: string): string => JSON.stringify(text);

function shown(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  return typeof value === 'string' ? quote(value) : JSON.stringify(value);
}
