import { MeshError } from '../../base/errors.ts';

/** The query cannot be understood, or may not run. `bad_data` and `execution` are Prometheus' own words for its `errorType`. */
export class QueryError extends MeshError<'PROMQL'> {
  readonly errorType: 'bad_data' | 'execution' | 'timeout';

  constructor(errorType: 'bad_data' | 'execution' | 'timeout', message: string) {
    super('PROMQL', message);
    this.errorType = errorType;
  }
}

export const parseError = (message: string): QueryError => new QueryError('bad_data', `invalid parameter "query": ${message}`);
export const executionError = (message: string): QueryError => new QueryError('execution', message);
