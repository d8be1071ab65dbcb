/** Lets browsers, which cannot read trailers, call gRPC servers: trailers become a last frame of the body, and bodies may be
 * base64. Envoy: envoy.filters.http.grpc_web; https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md */
import type { Headers } from '../../codec/headers.ts';
import type { BodyTranslation, HttpFilter } from '../http/filter.ts';

const BINARY = 'application/grpc-web';
const TEXT = 'application/grpc-web-text';
const TRAILER_FRAME = 0x80;

/** `application/grpc-web+proto; charset=…` */
const isOf = (contentType: string | undefined, base: string): boolean => {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  return type === base || type === `${base}+proto`;
};

export function createGrpcWebFilter(name: string): HttpFilter {
  const answers = new WeakMap<object, 'binary' | 'text'>();
  return {
    name,
    onRequest(context) {
      const { headers } = context.request;
      const contentType = headers.get('content-type');
      const isText = isOf(contentType, TEXT);
      if (!isText && !isOf(contentType, BINARY)) return 'continue';
      const answer = isOf(headers.get('accept'), TEXT) ? 'text' : 'binary';
      answers.set(context, answer);
      headers.set('content-type', 'application/grpc');
      headers.set('te', 'trailers');
      headers.set('grpc-accept-encoding', 'identity');
      if (headers.has('content-length')) {
        headers.remove('content-length');
        if (context.request.bodyLength > 0) context.request.bodyLength = -1;
      }
      context.translateBody(translation(isText, answer === 'text', () => context.reply({ status: 400, body: 'Bad gRPC-web request, invalid base64 data.', details: 'grpc_base_64_decode_failed' })));
      return 'continue';
    },
    onResponse(context, head) {
      const answer = answers.get(context);
      if (answer === undefined) return;
      head.headers.set('content-type', `${answer === 'text' ? TEXT : BINARY}+proto`);
      head.headers.remove('content-length');
      if (head.bodyLength > 0) head.bodyLength = -1;
    },
  };
}

export function translation(fromText: boolean, toText: boolean, refuse: () => void): BodyTranslation {
  let rest = '';
  let frames = Buffer.alloc(0);
  return {
    request(chunk, end) {
      if (!fromText) return chunk;
      const text = rest + chunk.toString('latin1');
      const whole = end ? text.length : text.length - (text.length % 4);
      rest = text.slice(whole);
      const part = text.slice(0, whole);
      if (part.length % 4 !== 0 || !/^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)*$/.test(part)) return refuse();
      return fromBase64(part);
    },
    response(chunk) {
      if (!toText) return chunk;
      // Each frame is encoded by itself, so that a reader can decode one as soon as it is there.
      frames = Buffer.concat([frames, chunk]);
      const parts: string[] = [];
      while (frames.length >= 5 && frames.length >= 5 + frames.readUInt32BE(1)) {
        const size = 5 + frames.readUInt32BE(1);
        parts.push(frames.toString('base64', 0, size));
        frames = frames.subarray(size);
      }
      return Buffer.from(parts.join(''), 'latin1');
    },
    end(trailers) {
      const left = frames;
      if (!trailers) return toText ? Buffer.from(left.toString('base64'), 'latin1') : Buffer.alloc(0);
      const frame = trailerFrame(trailers);
      return toText ? Buffer.from(left.toString('base64') + frame.toString('base64'), 'latin1') : frame;
    },
  };
}

/** Padding may stand in the middle, after each frame that was encoded by itself. */
const fromBase64 = (text: string): Buffer => Buffer.concat(text.split(/(?<==)(?!=)/).map((part) => Buffer.from(part, 'base64')));

function trailerFrame(trailers: Headers): Buffer {
  const text = Buffer.from([...trailers].map(([name, value]) => `${name}:${value}\r\n`).join(''), 'latin1');
  const head = Buffer.alloc(5);
  head[0] = TRAILER_FRAME;
  head.writeUInt32BE(text.length, 1);
  return Buffer.concat([head, text]);
}
