/* oxlint-disable max-params -- the ABI says how many there are. */
/** What modules may call: proxy-wasm 0.2.1, with the names that 0.1.0 and 0.2.0 had for the same. */
import { Result, StreamType, LOG_LEVELS } from './abi.ts';
import { isField, nameOf, pairOf, valueOf, type HeaderMap } from './header-map.ts';
import { decodePairs, encodePairs } from './pairs.ts';
import { UNKNOWN, type HostFunctions, type Vm } from './vm.ts';
import { wasiFunctions } from './wasi.ts';
import type { SharedState } from './shared-state.ts';

export interface HostDeps {
  readonly shared: SharedState;
  readonly environment: ReadonlyMap<string, string>;
  /** Unix time in ms. */
  now(): number;
  log(level: (typeof LOG_LEVELS)[number], message: string): void;
  isLogged(level: (typeof LOG_LEVELS)[number]): boolean;
  /** 0: no more. */
  tickEvery(ms: number): void;
}

/** Longest line of a log. */
const MAX_LOG_BYTES = 4096;

type Name = string | undefined;

export function hostFunctions(deps: HostDeps): HostFunctions {
  const env = { ...ofLog(deps), ...ofMaps, ...ofBuffers, ...ofProperties, ...ofStreams, ...ofShared(deps), ...ofMetrics(deps), ...ofTime(deps), ...ofCalls, [UNKNOWN]: () => Result.unimplemented };
  const wasi = wasiFunctions(deps);
  return { env, wasi_snapshot_preview1: wasi, wasi_unstable: wasi };
}

const text = (vm: Vm, pointer: number, size: number): Name => vm.memory.read(pointer, size)?.toString('utf8');

const ofLog = ({ log, isLogged }: HostDeps) => ({
  proxy_log(vm: Vm, level: number, pointer: number, size: number): Result {
    const as = LOG_LEVELS[level];
    const bytes = vm.memory.read(pointer, size);
    if (as === undefined) return Result.badArgument;
    if (!bytes) return Result.invalidMemoryAccess;
    log(as, bytes.toString('utf8', 0, MAX_LOG_BYTES));
    return Result.ok;
  },
  proxy_get_log_level(vm: Vm, at: number): Result {
    const level = LOG_LEVELS.findIndex((name) => isLogged(name));
    return written(vm.memory.writeU32(at, level < 0 ? LOG_LEVELS.length : level));
  },
});

const written = (isWritten: boolean): Result => (isWritten ? Result.ok : Result.invalidMemoryAccess);

/** Does something with a map and a name in it. */
function withField(vm: Vm, at: readonly [type: number, pointer: number, size: number], use: (map: HeaderMap, name: string) => Result): Result {
  const [type, pointer, size] = at;
  const key = vm.memory.read(pointer, size);
  if (!key) return Result.invalidMemoryAccess;
  const map = vm.context?.map(type);
  return map ? use(map, nameOf(key)) : Result.badArgument;
}

type Edit = 'add' | 'replace';

const edited = (edit: Edit) => (vm: Vm, type: number, keyAt: number, keySize: number, valueAt: number, valueSize: number): Result =>
  withField(vm, [type, keyAt, keySize], (map, name) => {
    const value = vm.memory.read(valueAt, valueSize);
    if (!value) return Result.invalidMemoryAccess;
    return map[edit](name, valueOf(value)) ? Result.ok : Result.badArgument;
  });

const ofMaps = {
  proxy_get_header_map_value: (vm: Vm, type: number, keyAt: number, keySize: number, valueAt: number, sizeAt: number): Result =>
    withField(vm, [type, keyAt, keySize], (map, name) => {
      const value = map.get(name);
      // The first ABI knew no "not found".
      if (value === undefined && vm.abi !== 'proxy_abi_version_0_1_0') return Result.notFound;
      return written(vm.memory.give(Buffer.from(value ?? '', 'latin1'), valueAt, sizeAt));
    }),
  proxy_add_header_map_value: edited('add'),
  proxy_replace_header_map_value: edited('replace'),
  proxy_remove_header_map_value: (vm: Vm, type: number, keyAt: number, keySize: number): Result =>
    withField(vm, [type, keyAt, keySize], (map, name) => {
      map.remove(name);
      return Result.ok;
    }),
  proxy_get_header_map_pairs(vm: Vm, type: number, valueAt: number, sizeAt: number): Result {
    const map = vm.context?.map(type);
    if (!map) return Result.badArgument;
    const pairs = map.list();
    return written(vm.memory.give(pairs.length === 0 ? Buffer.alloc(0) : encodePairs(pairs.map(pairOf)), valueAt, sizeAt));
  },
  proxy_get_header_map_size(vm: Vm, type: number, sizeAt: number): Result {
    const map = vm.context?.map(type);
    if (!map) return Result.badArgument;
    return written(vm.memory.writeU32(sizeAt, map.list().reduce((sum, [name, value]) => sum + name.length + value.length, 0)));
  },
  proxy_set_header_map_pairs(vm: Vm, type: number, at: number, size: number): Result {
    const map = vm.context?.map(type);
    const bytes = vm.memory.read(at, size);
    if (!bytes) return Result.invalidMemoryAccess;
    const pairs = decodePairs(bytes);
    if (!map || !pairs) return Result.badArgument;
    for (const [name] of map.list()) if (!name.startsWith(':')) map.remove(name);
    const isGood = pairs.map(([name, value]) => map.add(nameOf(name), valueOf(value)));
    return isGood.every(Boolean) ? Result.ok : Result.badArgument;
  },
};

const ofBuffers = {
  proxy_get_buffer_bytes(vm: Vm, type: number, start: number, length: number, valueAt: number, sizeAt: number): Result {
    const buffer = vm.context?.buffer(type);
    if (!buffer) return Result.notFound;
    const from = start >>> 0;
    if (from > buffer.length) return Result.badArgument;
    return written(vm.memory.give(buffer.subarray(from, from + (length >>> 0)), valueAt, sizeAt));
  },
  proxy_get_buffer_status(vm: Vm, type: number, lengthAt: number, flagsAt: number): Result {
    const buffer = vm.context?.buffer(type);
    if (!buffer) return Result.notFound;
    return written(vm.memory.writeU32(lengthAt, buffer.length) && vm.memory.writeU32(flagsAt, 0));
  },
  /** Replaces a part, which may be empty: before the beginning is prepended, behind the end appended. */
  proxy_set_buffer_bytes(vm: Vm, type: number, start: number, length: number, at: number, size: number): Result {
    const bytes = vm.memory.read(at, size);
    const buffer = vm.context?.buffer(type);
    if (!bytes) return Result.invalidMemoryAccess;
    if (!buffer || !vm.context) return Result.notFound;
    const from = Math.min(start >>> 0, buffer.length);
    const to = Math.min(from + (length >>> 0), buffer.length);
    return vm.context.setBuffer(type, Buffer.concat([buffer.subarray(0, from), bytes, buffer.subarray(to)])) ? Result.ok : Result.badArgument;
  },
};

const pathOf = (bytes: Buffer): string[] => bytes.toString('utf8').replace(/\0$/, '').split('\0');

const ofProperties = {
  proxy_get_property(vm: Vm, pathAt: number, pathSize: number, valueAt: number, sizeAt: number): Result {
    const path = vm.memory.read(pathAt, pathSize);
    if (!path) return Result.invalidMemoryAccess;
    const value = vm.context?.property(pathOf(path));
    return value ? written(vm.memory.give(value, valueAt, sizeAt)) : Result.notFound;
  },
  proxy_set_property(vm: Vm, pathAt: number, pathSize: number, valueAt: number, valueSize: number): Result {
    const [path, value] = [vm.memory.read(pathAt, pathSize), vm.memory.read(valueAt, valueSize)];
    if (!path || !value) return Result.invalidMemoryAccess;
    if (!vm.context) return Result.badArgument;
    vm.context.setProperty(pathOf(path), value);
    return Result.ok;
  },
};

const goOn = (type: number) => (vm: Vm): Result => (vm.context?.resume(type) ? Result.ok : Result.badArgument);

const ofStreams = {
  proxy_continue_stream: (vm: Vm, type: number): Result => goOn(type)(vm),
  proxy_continue_request: goOn(StreamType.request),
  proxy_continue_response: goOn(StreamType.response),
  proxy_close_stream: (vm: Vm, type: number): Result => (vm.context?.close(type) ? Result.ok : Result.badArgument),
  // The clients' choice of a route is always made anew where it matters.
  proxy_clear_route_cache: (): Result => Result.ok,
  proxy_send_local_response(vm: Vm, status: number, detailsAt: number, detailsSize: number, bodyAt: number, bodySize: number, pairsAt: number, pairsSize: number, grpcStatus: number): Result {
    const { memory } = vm;
    const [details, body, block] = [memory.read(detailsAt, detailsSize), memory.read(bodyAt, bodySize), memory.read(pairsAt, pairsSize)];
    if (!details || !body || !block) return Result.invalidMemoryAccess;
    const pairs = decodePairs(block);
    if (!pairs || status < 200 || status > 599) return Result.badArgument;
    const headers = pairs.map(([name, value]) => [nameOf(name), valueOf(value)] as const);
    if (headers.some(([name, value]) => name.startsWith(':') || name === 'content-length' || !isField(name, value))) return Result.badArgument;
    const answer = { status, body, headers, details: details.toString('latin1').replaceAll(/[^!-~]/g, '_') || 'wasm_local_response', ...(grpcStatus >= 0 ? { grpcStatus } : {}) };
    return vm.context?.reply(answer) ? Result.ok : Result.badArgument;
  },
  proxy_set_effective_context(vm: Vm, id: number): Result {
    const context = vm.contexts.get(id);
    if (!context) return Result.badArgument;
    vm.context = context;
    return Result.ok;
  },
  proxy_done: (vm: Vm): Result => (vm.context?.done() ? Result.ok : Result.notFound),
};

const ofCalls = {
  proxy_http_call(vm: Vm, clusterAt: number, clusterSize: number, headersAt: number, headersSize: number, bodyAt: number, bodySize: number, trailersAt: number, trailersSize: number, timeoutMs: number, tokenAt: number): Result {
    const { memory } = vm;
    const cluster = text(vm, clusterAt, clusterSize);
    const [headers, body, trailers] = [memory.read(headersAt, headersSize), memory.read(bodyAt, bodySize), memory.read(trailersAt, trailersSize)];
    if (cluster === undefined || !headers || !body || !trailers) return Result.invalidMemoryAccess;
    const pairs = decodePairs(headers);
    if (!pairs || !decodePairs(trailers)) return Result.badArgument;
    const token = vm.context?.call({ cluster, headers: pairs.map(([name, value]) => [nameOf(name), valueOf(value)]), body, timeoutMs: timeoutMs >>> 0 });
    return token === undefined ? Result.badArgument : written(memory.writeU32(tokenAt, token));
  },
};

const ofShared = ({ shared }: HostDeps) => ({
  proxy_get_shared_data(vm: Vm, keyAt: number, keySize: number, valueAt: number, sizeAt: number, casAt: number): Result {
    const key = vm.memory.read(keyAt, keySize);
    if (!key) return Result.invalidMemoryAccess;
    const found = shared.get(key.toString('latin1'));
    return found ? written(vm.memory.give(found.value, valueAt, sizeAt) && vm.memory.writeU32(casAt, found.cas)) : Result.notFound;
  },
  proxy_set_shared_data(vm: Vm, keyAt: number, keySize: number, valueAt: number, valueSize: number, cas: number): Result {
    const [key, value] = [vm.memory.read(keyAt, keySize), vm.memory.read(valueAt, valueSize)];
    if (!key || !value) return Result.invalidMemoryAccess;
    return shared.set(key.toString('latin1'), value, cas >>> 0);
  },
});

const METRIC_TYPES = ['counter', 'gauge', 'histogram'] as const;

const ofMetrics = ({ shared }: HostDeps) => ({
  proxy_define_metric(vm: Vm, type: number, nameAt: number, nameSize: number, idAt: number): Result {
    const name = text(vm, nameAt, nameSize);
    const kind = METRIC_TYPES[type];
    if (name === undefined) return Result.invalidMemoryAccess;
    const id = kind && shared.define(kind, name);
    return id === undefined ? Result.badArgument : written(vm.memory.writeU32(idAt, id));
  },
  proxy_increment_metric: (_vm: Vm, id: number, offset: bigint): Result => shared.increment(id >>> 0, offset),
  proxy_record_metric: (_vm: Vm, id: number, value: bigint): Result => shared.record(id >>> 0, BigInt.asUintN(64, value)),
  proxy_get_metric(vm: Vm, id: number, valueAt: number): Result {
    const value = shared.read(id >>> 0);
    return value === undefined ? Result.notFound : written(vm.memory.writeU64(valueAt, value));
  },
});

const ofTime = ({ now, tickEvery }: HostDeps) => ({
  proxy_get_current_time_nanoseconds: (vm: Vm, at: number): Result => written(vm.memory.writeU64(at, BigInt(Math.floor(now() * 1000)) * 1000n)),
  proxy_set_tick_period_milliseconds(_vm: Vm, ms: number): Result {
    tickEvery(ms >>> 0);
    return Result.ok;
  },
});
