import assert from 'node:assert/strict';
import { inspect } from '../../../src/proxy/net/inspect.ts';
import { RequestParser, ResponseParser, type ParserSink } from '../../../src/codec/http1/parser.ts';
import type { ParsedRequest, ParsedResponse } from '../../../src/codec/http1/head.ts';
import { Headers } from '../../../src/codec/headers.ts';
import { normalizePath, type PathRules } from '../../../src/proxy/route/path.ts';
import { Http1ServerConnection } from '../../../src/codec/http1/server-connection.ts';
import { requestHeadText } from '../../../src/codec/http1/writer.ts';
import { Newcomers } from '../../../src/codec/socket/newcomers.ts';
import { DeafSocket } from '../deaf-socket.ts';
import { pieces, singles, text, type Random, type Target } from '../target.ts';

const LIMITS = { maxHeadBytes: 2000, maxHeaders: 20 };

/** What a reader said, with body pieces joined: the same for every way of cutting the stream. */
class Recorder<Parsed extends ParsedRequest | ParsedResponse> implements ParserSink<Parsed> {
  readonly events: string[] = [];
  #body = '';
  isFailed = false;

  onHead(parsed: Parsed): void {
    this.#mustBeOpen();
    for (const [name, value] of parsed.head.headers) assert.doesNotMatch(`${name}\n${value}`, /[\r\0]|\n.*\n/s, 'a field would break out of its line');
    const { headers: _, ...line } = parsed.head;
    this.events.push(JSON.stringify({ ...line, keepAlive: parsed.keepAlive, fields: [...parsed.head.headers] }));
  }

  onData(chunk: Buffer, end: boolean): void {
    this.#mustBeOpen();
    this.#body += chunk.toString('latin1');
    if (end) this.onEnd(undefined);
  }

  onEnd(trailers: Headers | undefined): void {
    this.#mustBeOpen();
    this.flush();
    this.events.push(`end ${trailers ? JSON.stringify([...trailers]) : '[]'}`);
  }

  onError({ status }: { status: number }): void {
    this.#mustBeOpen();
    this.flush();
    this.isFailed = true;
    this.events.push(`error ${status >= 400 && status < 600 ? 'refused' : status}`);
  }

  flush(): void {
    if (this.#body !== '') this.events.push(`body ${this.#body}`);
    this.#body = '';
  }

  #mustBeOpen(): void {
    assert.equal(this.isFailed, false, 'nothing follows an error');
  }
}

function readRequests(parts: readonly Buffer[]): string[] {
  const sink = new Recorder<ParsedRequest>();
  const parser = new RequestParser(sink, LIMITS);
  for (const part of parts) parser.feed(part);
  sink.flush();
  return sink.events;
}

function readResponses(parts: readonly Buffer[], method: string): string[] {
  const sink = new Recorder<ParsedResponse>();
  const parser = new ResponseParser(sink, LIMITS);
  parser.method = method;
  for (const part of parts) parser.feed(part);
  sink.flush();
  return sink.events;
}

function sameHoweverCut(input: Buffer, random: Random, read: (parts: readonly Buffer[]) => string[]): void {
  const whole = read([input]);
  assert.deepEqual(read(pieces(input, random)), whole, 'cut in pieces');
  assert.deepEqual(read(singles(input)), whole, 'byte by byte');
}

const WORDS = ['\r\n\r\n', 'Transfer-Encoding: chunked\r\n', 'Content-Length: 5\r\n', 'Host: b\r\n', 'HTTP/1.1', ' ', '\t', '0\r\n\r\n', 'Connection: close, x-a\r\n', 'Upgrade: websocket\r\n', 'Expect: 100-continue\r\n', ';', '\n'];

const requests: Target = {
  name: 'http1-requests',
  words: WORDS,
  seeds: [
    'GET /a?b=c HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n',
    'POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: x\r\n\r\n',
    'POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n0\r\nX-T: 1\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n',
    'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', 'GET http://a.b/c?d HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  ].map(text),
  check: (input, random) => sameHoweverCut(input, random, readRequests),
};

const responses: Target = {
  name: 'http1-responses',
  words: WORDS,
  seeds: [
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhelloHTTP/1.1 204 No Content\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nbytes', 'HTTP/1.0 200 OK\r\n\r\nuntil the end', 'HTTP/1.1 304\r\nContent-Length: 10\r\n\r\n',
  ].map(text),
  check(input, random) {
    const method = ['GET', 'HEAD', 'CONNECT'][random(3)] ?? 'GET';
    sameHoweverCut(input, random, (parts) => readResponses(parts, method));
  },
};

/** What is passed on as one request is read as one by whoever comes next, and as the same. */
const passage: Target = {
  name: 'http1-passage',
  words: WORDS,
  seeds: requests.seeds,
  check(input) {
    const heads: ParsedRequest[] = [];
    new RequestParser({ onHead: (parsed) => void heads.push(parsed), onData() {}, onEnd() {}, onError() {} }, LIMITS).feed(input);
    for (const { head } of heads) {
      const text = requestHeadText(head, head.bodyLength < 0 ? 'chunked' : head.bodyLength === 0 ? 'none' : 'counted');
      const again: ParsedRequest[] = [];
      const parser = new RequestParser({
        onHead(parsed) {
          again.push(parsed);
          parser.stop();
        },
        onData: () => assert.fail('a head brought a body'),
        onEnd() {},
        onError: ({ details }) => assert.fail(`refused by the next one: ${details}\n${text}`),
      }, { maxHeadBytes: 4000, maxHeaders: 30 });
      parser.feed(Buffer.from(text, 'latin1'));
      assert.equal(again.length, 1, text);
      assert.ok(head.bodyLength !== 0 || parser.idle, 'nothing is left over');
      const [next] = again;
      assert.deepEqual([next?.head.method, next?.head.path, next?.head.bodyLength, next?.head.upgrade], [head.method, head.path, head.bodyLength, head.upgrade]);
    }
  },
};

/** A whole connection: as many answers as requests, in their order. */
const connection: Target = {
  name: 'http1-connection',
  words: WORDS,
  seeds: requests.seeds,
  check(input, random) {
    const serve = (parts: readonly Buffer[]): { asked: string[]; answered: string } => {
      const asked: string[] = [];
      const socket = new DeafSocket();
      const server = new Http1ServerConnection(socket, {
        onRequest(stream, head) {
          asked.push(`${head.method} ${head.path}`);
          const number = String(asked.length);
          const answer = () => {
            stream.sendHead({ status: 200, headers: Headers.of('x-number', number, 'content-length', '0'), bodyLength: 0 }, true, false);
          };
          if (head.bodyLength === 0) answer();
          return { onData: (_chunk, end) => void (end && answer()), onEnd: answer, onReset() {}, onDrain() {} };
        },
        onBadRequest: () => Headers.of(),
        onHeadAbandoned() {},
        onUnbegun: () => assert.fail('nobody waits here'),
        onIdle() {},
        onClosed() {},
      }, { limits: LIMITS, acceptHttp10: true, trailers: true, newcomers: new Newcomers((run) => run()) });
      for (const part of parts) socket.emit('data', part);
      server.destroy();
      // Which rule a bad head breaks first depends on how much of it is there.
      return { asked, answered: socket.text.replace(/HTTP\/1\.1 [45]\d\d [^]*$/, 'refused') };
    };
    const whole = serve([input]);
    const numbers = [...whole.answered.matchAll(/x-number: (\d+)\r\n/g)].map((match) => Number(match[1]));
    assert.deepEqual(numbers, numbers.map((_, i) => i + 1), 'answers in order');
    assert.ok(numbers.length <= whole.asked.length && numbers.length >= whole.asked.length - 1, 'one answer for each, but the last may be broken');
    assert.deepEqual(serve(pieces(input, random)), whole, 'cut in pieces');
  },
};

const RULES: readonly PathRules[] = (['keep', 'reject', 'redirect', 'forward'] as const).flatMap((escapedSlashes) => [true, false].map((mergeSlashes) => ({ normalize: true, mergeSlashes, escapedSlashes })));

const paths: Target = {
  name: 'http-paths',
  words: ['%2e', '%2E%2e', '%2f', '%5c', '\\', '/./', '/../', '//', '?', '%', '%zz', ';', '%00'],
  seeds: ['/a/b/../c?d=../e', '/%61/%2e%2e/b', '/a%2fb', '//x//y', '/a\\b', '*', '/'].map(text),
  check(input) {
    const target = input.toString('latin1');
    for (const rules of RULES) {
      const once = normalizePath(target, rules);
      if (!('path' in once)) continue;
      assert.deepEqual(normalizePath(once.path, rules), once, `normalizing again changes nothing (${JSON.stringify(rules)})`);
      const [path = ''] = once.path.split('?');
      if (target.startsWith('/')) assert.doesNotMatch(path, /(?:^|\/)\.\.?(?:\/|$)/, 'no dot segment is left');
    }
  },
};

const inspector: Target = {
  name: 'protocol-inspector',
  words: ['PRI * HTTP/2.0\r\n', 'GET ', 'HTTP/1.1\r\n', '\r\n'],
  seeds: ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'SSH-2.0-x\r\n', '\r\n\r\nGET / HTTP/1.0\r\n'].map(text),
  check(input, random) {
    const wants = { tls: random(2) === 0, http: true };
    const final = inspect(input, wants);
    for (let size = 1; size < Math.min(input.length, 600); size++) {
      const early = inspect(input.subarray(0, size), wants);
      if (early !== 'more') {
        assert.deepEqual(final, early, `decided after ${size} bytes, and differently with more`);
        return;
      }
    }
  },
};

export const targets: readonly Target[] = [requests, passage, connection, responses, paths, inspector];
