/** Numbers of the proxy-wasm ABI, 0.2.1. https://github.com/proxy-wasm/spec */

export const Result = {
  ok: 0, notFound: 1, badArgument: 2, serializationFailure: 3, parseFailure: 4, badExpression: 5, invalidMemoryAccess: 6, empty: 7, casMismatch: 8, resultMismatch: 9, internalFailure: 10,
  brokenConnection: 11, unimplemented: 12,
} as const;
export type Result = (typeof Result)[keyof typeof Result];

export const MapType = { requestHeaders: 0, requestTrailers: 1, responseHeaders: 2, responseTrailers: 3, callHeaders: 6, callTrailers: 7 } as const;
export const BufferType = { requestBody: 0, responseBody: 1, callBody: 4, vmConfiguration: 6, pluginConfiguration: 7 } as const;
export const StreamType = { request: 0, response: 1 } as const;

/** What a callback for a message's head, body or trailers says. */
export const Action = { continue: 0, pause: 1 } as const;

export const LOG_LEVELS = ['debug', 'debug', 'info', 'warn', 'error', 'error'] as const;

/** The ABIs that are spoken, by the export that names them. */
export const ABI_EXPORTS = ['proxy_abi_version_0_2_1', 'proxy_abi_version_0_2_0', 'proxy_abi_version_0_1_0'] as const;
export type AbiExport = (typeof ABI_EXPORTS)[number];
