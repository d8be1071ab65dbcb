/** Scoped logging: constant message, data in fields. Small on purpose: it is loaded into every sidecar.
 * One line per record on stderr: `2026-01-02T03:04:05.678Z info xds message {"key":"value"}`. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'none'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  /** A logger for a part, `parent.child`; its level is its own or else its nearest ancestor's. */
  scope(name: string): Log;
  enabled(level: LogLevel): boolean;
  /** Costly fields are passed as a function, called only when the line is written. */
  debug(message: string, fields?: LogFields | (() => LogFields)): void;
  info(message: string, fields?: LogFields | (() => LogFields)): void;
  warn(message: string, fields?: LogFields | (() => LogFields)): void;
  error(message: string, fields?: LogFields | (() => LogFields)): void;
}

/** Levels per scope, changeable while running; '' is the default of all. */
export class LogLevels {
  readonly #levels = new Map<string, LogLevel>();

  constructor(base: LogLevel = 'info') {
    this.#levels.set('', base);
  }

  set(scope: string, level: LogLevel): void {
    this.#levels.set(scope, level);
  }

  get(scope: string): LogLevel {
    for (let name = scope; name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('.')))) {
      const level = this.#levels.get(name);
      if (level !== undefined) return level;
    }
    return this.#levels.get('') ?? 'info';
  }

  entries(): [string, LogLevel][] {
    return [...this.#levels].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

/** @param write receives whole lines with their newline; default: standard error. */
export function createLog(levels: LogLevels = new LogLevels(), write: (line: string) => void = (line) => void process.stderr.write(line)): Log {
  const make = (scope: string): Log => {
    const enabled = (level: LogLevel) => LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(levels.get(scope));
    const at = (level: LogLevel) => (message: string, fields?: LogFields | (() => LogFields)) => {
      if (!enabled(level)) return;
      const data = typeof fields === 'function' ? fields() : fields;
      const tail = data === undefined ? '' : ` ${JSON.stringify(data, jsonValue)}`;
      write(`${new Date().toISOString()} ${level} ${scope === '' ? '-' : scope} ${message}${tail}\n`);
    };
    return {
      scope: (name) => make(scope === '' ? name : `${scope}.${name}`),
      enabled,
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
    };
  };
  return make('');
}

export const silentLog: Log = createLog(new LogLevels('none'), () => {});

function jsonValue(_key: string, value: unknown): unknown {
  if (value instanceof Error) return value.cause === undefined ? value.message : `${value.message}: ${String(value.cause)}`;
  return typeof value === 'bigint' ? value.toString() : value;
}
