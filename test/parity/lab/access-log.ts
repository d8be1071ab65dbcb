/** The access log of a proxy of the lab: one JSON object a line, the same format for both kinds. */
import { closeSync, openSync, readSync } from 'node:fs';
import { eventually } from '../../../src/testkit/eventually.ts';

export const LOG_FORMAT = {
  code: '%RESPONSE_CODE%', flags: '%RESPONSE_FLAGS%', details: '%RESPONSE_CODE_DETAILS%', termination: '%CONNECTION_TERMINATION_DETAILS%', failure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  protocol: '%PROTOCOL%', method: '%REQ(:METHOD)%', path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%', authority: '%REQ(:AUTHORITY)%', route: '%ROUTE_NAME%', cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream: '%UPSTREAM_HOST%', sni: '%REQUESTED_SERVER_NAME%', received: '%BYTES_RECEIVED%', sent: '%BYTES_SENT%', attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%', local: '%DOWNSTREAM_LOCAL_ADDRESS%',
  remote: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%', upstreamLocal: '%UPSTREAM_LOCAL_ADDRESS%', scenario: '%REQ(X-SCENARIO)%',
  routeObject: '%METADATA(ROUTE:istio:config)%', hostObject: '%METADATA(VIRTUAL_HOST:istio:config)%', clusterObject: '%METADATA(CLUSTER:istio:config)%', chainObject: '%METADATA(LISTENER_FILTER_CHAIN:istio:config)%',
};

export type LogLine = Readonly<Record<keyof typeof LOG_FORMAT, string | number | null>>;

export type Fits = (line: LogLine) => boolean;

/** By then a line is written. */
const PATIENCE_MS = 500;

export class AccessLog {
  readonly #fd: number;
  #position = 0;
  #rest = '';
  #lines: LogLine[] = [];

  constructor(file: string) {
    this.#fd = openSync(file, 'r');
  }

  /** Takes the first line that fits, now or soon.
   * @param resembles what the line is known by when nothing fits for a while
   * @throws Error with what was logged instead */
  async take(fits: Fits, resembles: Fits, timeoutMs = 3000): Promise<LogLine> {
    const patientUntil = performance.now() + PATIENCE_MS;
    return eventually(() => {
      this.#read();
      let i = this.#lines.findIndex(fits);
      if (i < 0 && performance.now() > patientUntil) i = this.#lines.findIndex(resembles);
      const [line] = i < 0 ? [] : this.#lines.splice(i, 1);
      if (!line) throw new Error(`no such line in the access log; it has ${JSON.stringify(this.#lines)}`);
      return line;
    }, { timeoutMs, everyMs: 3 });
  }

  /** Lines that nobody took are of the past. */
  forget(): void {
    this.#read();
    this.#lines = [];
  }

  close(): void {
    closeSync(this.#fd);
  }

  #read(): void {
    const buffer = Buffer.alloc(65_536);
    for (;;) {
      const count = readSync(this.#fd, buffer, 0, buffer.length, this.#position);
      if (count === 0) return;
      this.#position += count;
      const lines = (this.#rest + buffer.toString('utf8', 0, count)).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') this.#lines.push(JSON.parse(line) as LogLine);
    }
  }
}
