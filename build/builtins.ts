/** Node's own modules without their ES module faces. An `import` of `node:http` reads every export once, whether it is used or
 * not, and some of them load a lot the moment they are read: WebSocket brings all of undici (70 ms and 16 MB), `node:crypto` its
 * web face (27 ms), `node:process` its streams. In the bundles each name is taken from the module where it is used. */
import type { Plugin } from 'esbuild';

const NAMESPACE = 'builtin';

export const builtins: Plugin = {
  name: 'builtins',
  setup(build) {
    // `require` of CommonJS dependencies reads only what it uses anyway.
    build.onResolve({ filter: /^node:/ }, ({ path, kind }) => (kind === 'import-statement' ? { path, namespace: NAMESPACE, sideEffects: false } : { path, external: true }));
    build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => ({ contents: faceOf(path), loader: 'js' }));
  },
};

/** An ES module with the same exports, of which a bundle keeps those that it uses. */
function faceOf(path: string): string {
  const names = Object.keys(process.getBuiltinModule(path) ?? {}).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name) && name !== 'default');
  return [
    `const builtin = /* @__PURE__ */ process.getBuiltinModule(${JSON.stringify(path)});`,
    'export default builtin;',
    // A call that is marked as pure can be left out; reading a property could do anything, for all that a bundler knows.
    ...names.map((name, index) => `const export${index} = /* @__PURE__ */ (() => builtin[${JSON.stringify(name)}])(); export { export${index} as ${name} };`),
  ].join('\n');
}
