/** Node's HTTP modules without their ES module face. An `import` of `node:http` reads every export once, and one of them loads
 * the whole of undici (WebSocket): some 20 ms and several megabytes that a sidecar has no use for. */
import { request as secureRequest } from 'node:https';

const http = process.getBuiltinModule('node:http');

export const createHttpServer: typeof http.createServer = http.createServer;
export const httpRequest: typeof http.request = http.request;
export const httpsRequest: typeof secureRequest = secureRequest;
