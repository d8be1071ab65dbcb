import { MeshError } from '../base/errors.ts';

/** A gRPC call that did not end with OK. `fields.status` is the gRPC code. */
export class GrpcError extends MeshError<'GRPC_STATUS'> {
  readonly status: number;

  constructor(status: number, message: string) {
    super('GRPC_STATUS', `${GRPC_CODE_NAMES[status] ?? `code ${status}`}: ${message}`, { fields: { status } });
    this.status = status;
  }
}

/** google.rpc.Code, as far as we say or look at them. */
export const GrpcCode = {
  Ok: 0, Cancelled: 1, Unknown: 2, InvalidArgument: 3, DeadlineExceeded: 4, PermissionDenied: 7, ResourceExhausted: 8, FailedPrecondition: 9, Unimplemented: 12, Internal: 13, Unavailable: 14, Unauthenticated: 16,
} as const;
export type GrpcCode = (typeof GrpcCode)[keyof typeof GrpcCode];

const GRPC_CODE_NAMES: readonly string[] = [
  'OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED',
];
