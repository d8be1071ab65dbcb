/** Node's own modules without their ES module faces. An `import` of `node:http` reads every export once, whether it is used or
 * not, and some of them load a lot the moment they are read: WebSocket brings all of undici (70 ms and 16 MB), `node:crypto` its
 * web face (27 ms), `node:process` its streams. In the bundles each name is taken from the module where it is used; and of
 * modules that take long to load and may not be needed for a while, or at all, when it is first called. */
import type { Plugin } from 'esbuild';

const NAMESPACE = 'builtin';

/** Milliseconds to load, Node 26: crypto and tls 10, fs/promises 8, zlib 7, http2 4, http and v8 3, child_process, dgram, dns, https, module, os and worker_threads 1 or less. */
const LATE: ReadonlySet<string> = new Set(['node:child_process', 'node:crypto', 'node:dgram', 'node:dns', 'node:fs/promises', 'node:http', 'node:http2', 'node:https', 'node:module', 'node:os', 'node:tls', 'node:v8', 'node:worker_threads', 'node:zlib']);

export const builtins: Plugin = {
  name: 'builtins',
  setup(build) {
    // `require` of CommonJS dependencies reads only what it uses anyway.
    build.onResolve({ filter: /^node:/ }, ({ path, kind }) => (kind === 'import-statement' ? { path, namespace: NAMESPACE, sideEffects: false } : { path, external: true }));
    build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => ({ contents: LATE.has(path) ? lateFaceOf(path) : faceOf(path), loader: 'js' }));
  },
};

/** An ES module with the same exports, of which a bundle keeps those that it uses. */
function faceOf(path: string): string {
  return [
    `const builtin = /* @__PURE__ */ process.getBuiltinModule(${JSON.stringify(path)});`,
    'export default builtin;',
    // A call that is marked as pure can be left out; reading a property could do anything, for all that a bundler knows.
    ...namesOf(path).map((name, index) => `const export${index} = /* @__PURE__ */ (() => builtin[${JSON.stringify(name)}])(); export { export${index} as ${name} };`),
  ].join('\n');
}

/** The same, loaded by the first call of a function, `new` of a class or look into an object. */
function lateFaceOf(path: string): string {
  const module = process.getBuiltinModule(path) as unknown as Readonly<Record<string, unknown>>;
  const read = (name: string) => `() => load()[${JSON.stringify(name)}]`;
  const late = (name: string): string => {
    const value = module[name];
    if (typeof value === 'function') return `lateFunction(${read(name)})`;
    return typeof value === 'object' ? `lateObject(${read(name)})` : `(${read(name)})()`;
  };
  return [
    `let builtin; const load = () => (builtin ??= process.getBuiltinModule(${JSON.stringify(path)}));`,
    // A class too: its instances are known by asking the real one.
    'function lateFunction(read) { const face = function (...args) { return new.target ? Reflect.construct(read(), args) : read()(...args); }; Object.defineProperty(face, Symbol.hasInstance, { value: (it) => it instanceof read() }); return face; }',
    'function lateObject(read) { return new Proxy({}, { get: (_, key) => read()[key], has: (_, key) => key in read(), ownKeys: () => Reflect.ownKeys(read()), getOwnPropertyDescriptor: (_, key) => ({ value: read()[key], enumerable: true, configurable: true }) }); }',
    'export default /* @__PURE__ */ lateObject(load);',
    ...namesOf(path).map((name, index) => `const export${index} = /* @__PURE__ */ ${late(name)}; export { export${index} as ${name} };`),
  ].join('\n');
}

const namesOf = (path: string): string[] => Object.keys(process.getBuiltinModule(path) ?? {}).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name) && name !== 'default');
