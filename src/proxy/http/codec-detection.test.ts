import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import test from 'node:test';
import { TurnQueue } from '../../codec/socket/turn-queue.ts';
import { CodecDetection } from './codec-detection.ts';

/** A connection, what was found on it, and turns that are taken by hand. */
function setUp() {
  const turns: (() => void)[] = [];
  const queue = new TurnQueue(2, (run) => void turns.push(run));
  const found: string[] = [];
  const connect = (name: string) => {
    const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done(), allowHalfOpen: true });
    const detection = new CodecDetection(socket, {
      onKnown: (isHttp2, seen) => void found.push(`${name} ${isHttp2 ? 'HTTP/2' : 'HTTP/1'} ${seen.toString('latin1')}${socket.isPaused() ? '' : ' reading'}`),
      onGone: () => void found.push(`${name} gone`),
    }, queue);
    return {
      detection,
      socket,
      async says(text: string): Promise<void> {
        socket.push(text, 'latin1');
        await new Promise(setImmediate);
      },
    };
  };
  return { connect, found: () => found.splice(0), nextTurn: () => turns.shift()?.() };
}

test('HTTP/2 announces itself, in as many pieces as it likes; all else is HTTP/1', async () => {
  const { connect, found, nextTurn } = setUp();
  const one = connect('one');
  await one.says('PRI * HTT');
  nextTurn();
  assert.deepEqual(found(), []);
  await one.says('P/2.0\r\n\r\n');
  nextTurn();
  assert.deepEqual(found(), ['one HTTP/2 PRI * HTTP/2.0\r\n\r\n']);
  const other = connect('other');
  await other.says('PRI * HTTP/1');
  nextTurn();
  assert.deepEqual(found(), ['other HTTP/1 PRI * HTTP/1']);
});

test('of those who speak at one moment so many begin in each turn', async () => {
  const { connect, found, nextTurn } = setUp();
  const all = ['a', 'b', 'c', 'd', 'e'].map(connect);
  for (const one of all) await one.says('G');
  assert.deepEqual(found(), []);
  nextTurn();
  assert.deepEqual(found(), ['a HTTP/1 G', 'b HTTP/1 G']);
  nextTurn();
  nextTurn();
  assert.deepEqual(found(), ['c HTTP/1 G', 'd HTTP/1 G', 'e HTTP/1 G']);
});

test('who has spoken is still served when the others are sent away, and who has not goes', async () => {
  const { connect, found, nextTurn } = setUp();
  const [speaker, silent] = [connect('speaker'), connect('silent')];
  await speaker.says('GET');
  speaker.detection.drain();
  silent.detection.drain();
  await new Promise(setImmediate);
  assert.deepEqual(found(), ['speaker HTTP/1 GET', 'silent gone']);
  nextTurn();
  assert.deepEqual(found(), [], 'nobody is served twice');
});

test('who goes while he waits for his turn is gone, and nothing else', async () => {
  const { connect, found, nextTurn } = setUp();
  const one = connect('one');
  await one.says('GET');
  one.socket.destroy();
  await new Promise(setImmediate);
  nextTurn();
  assert.deepEqual(found(), ['one gone']);
});

test('what comes while somebody waits for his turn is seen, too', async () => {
  const { connect, found, nextTurn } = setUp();
  const one = connect('one');
  await one.says('GET');
  await one.says(' / ');
  await one.says('HTTP');
  nextTurn();
  assert.deepEqual(found(), ['one HTTP/1 GET / HTTP']);
});

test('who has gone takes no turn from others', async () => {
  const { connect, found, nextTurn } = setUp();
  const [one, two, three] = [connect('one'), connect('two'), connect('three')];
  for (const each of [one, two, three]) await each.says('G');
  one.socket.destroy();
  await new Promise(setImmediate);
  assert.deepEqual(found(), ['one gone']);
  nextTurn();
  assert.deepEqual(found(), ['two HTTP/1 G', 'three HTTP/1 G']);
});
