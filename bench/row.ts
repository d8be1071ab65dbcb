/** One row group of the bench: something that is measured and printed as a table. */
export interface Row {
  readonly name: string;
  readonly about: string;
  /** Prints its own table. */
  run(options: RowOptions): Promise<void>;
}

export interface RowOptions {
  /** Runs of each candidate; medians are reported. */
  runs: number;
  secondsPerRun: number;
}
