/** Every redirect rule with real packets: a pod and a client, each in a network namespace, joined by a veth pair. */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const POD = '10.77.0.2';
const CLIENT = '10.77.0.1';
const OUTSIDE = '10.77.1.9';

/** Answers each connection with where it arrived. */
const SERVER = `
const net = require('node:net');
const [name, ...ports] = process.argv.slice(1);
let left = ports.length;
const udp = require('node:dgram').createSocket('udp4');
udp.on('message', (m, from) => udp.send(name + ':' + udp.address().port, from.port, from.address));
const dns = ports.find((port) => port === '53' || port === '15053');
if (dns) udp.bind(Number(dns), '0.0.0.0');
for (const port of ports) net.createServer((s) => { s.on('error', () => {}); s.end(name + ':' + port); }).listen(Number(port), '0.0.0.0', () => { if (--left === 0) console.log('ready'); });
`;
/** Connects to each address and prints what it read. */
const PROBE = `
const net = require('node:net');
const askUdp = ({ host, port, localPort }) => new Promise((resolve) => {
  const s = require('node:dgram').createSocket('udp4');
  const end = (text) => { clearTimeout(timer); s.close(); resolve(text); };
  const timer = setTimeout(() => end('timeout'), 2000);
  s.on('message', (m) => end(String(m)));
  s.on('error', (e) => end(e.code));
  s.bind(localPort ?? 0, () => s.send('?', port, host));
});
const ask = ({ host, port, localAddress, localPort, udp }) => udp ? askUdp({ host, port, localPort }) : new Promise((resolve) => {
  const s = net.connect({ host, port, localAddress });
  let text = '';
  s.setTimeout(2000, () => s.destroy(new Error('timeout')));
  s.on('data', (d) => { text += d; });
  s.on('end', () => resolve(text));
  s.on('error', (e) => resolve(e.code ?? e.message));
});
Promise.all(JSON.parse(process.argv[1]).map(ask)).then((r) => console.log(JSON.stringify(r)));
`;

interface Target {
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string;
  readonly udp?: true;
  readonly localPort?: number;
}

function canMakeNamespaces(): boolean {
  try {
    execFileSync('unshare', ['--net', 'nft', 'list', 'ruleset'], { stdio: 'ignore' });
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}

async function startPod(t: TestContext, captureArguments: readonly string[], env: Record<string, string> = {}) {
  const id = randomBytes(3).toString('hex');
  const [pod, client] = [`ltp-${id}`, `ltc-${id}`];
  const ip = (...args: string[]) => run('ip', args);
  t.after(() => Promise.all([ip('netns', 'del', pod), ip('netns', 'del', client)]));
  await Promise.all([ip('netns', 'add', pod), ip('netns', 'add', client)]);
  await ip('-n', pod, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', client);
  for (const [ns, address] of [[pod, POD], [client, CLIENT]] as const) {
    await ip('-n', ns, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    await Promise.all([ip('-n', ns, 'link', 'set', 'lo', 'up'), ip('-n', ns, 'link', 'set', 'eth0', 'up')]);
  }
  await ip('-n', client, 'addr', 'add', `${OUTSIDE}/32`, 'dev', 'lo');
  await ip('-n', pod, 'route', 'add', 'default', 'via', CLIENT);
  await run('ip', ['netns', 'exec', pod, process.execPath, MAIN, 'istio-iptables', ...captureArguments], { env: { ...process.env, ...env } });

  const serve = async (ns: string, name: string, ports: readonly number[]) => {
    const child = spawn('ip', ['netns', 'exec', ns, process.execPath, '-e', SERVER, name, ...ports.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    await once(child.stdout, 'data');
  };
  await Promise.all([serve(pod, 'pod', [15_001, 15_006, 15_008, 15_020, 15_021, 15_053, 15_090, 9080, 9999]), serve(client, 'outside', [53, 80, 3306, 9080])]);
  const ask = async (from: { namespace: string; id?: number }, targets: readonly Target[]): Promise<string[]> => {
    const as = from.id === undefined ? [] : ['setpriv', '--reuid', String(from.id), '--regid', String(from.id), '--clear-groups'];
    const { stdout } = await run('ip', ['netns', 'exec', from.namespace, ...as, process.execPath, '-e', PROBE, JSON.stringify(targets)]);
    return JSON.parse(stdout) as string[];
  };
  return { pod, client, ask };
}

const skip = !canMakeNamespaces() && 'needs root, network namespaces and nft';

test('an injected pod’s connections arrive where they should', { skip }, async (t) => {
  const { pod, client, ask } = await startPod(t, ['-p', '15001', '-z', '15006', '-u', '1337', '-m', 'REDIRECT', '-i', '*', '-x', '10.77.1.0/24', '-b', '*', '-d', '15090,15021,15020', '-o', '3306']);
  const [fromOutside, fromApp, fromSidecar] = await Promise.all([
    ask({ namespace: client }, [9080, 9999, 15_020, 15_021, 15_090, 15_008].map((port) => ({ host: POD, port }))),
    ask({ namespace: pod, id: 1000 }, [
      { host: CLIENT, port: 80 },
      { host: CLIENT, port: 3306 },
      { host: OUTSIDE, port: 80 },
      { host: '127.0.0.1', port: 9080 },
      { host: POD, port: 9080 },
    ]),
    ask({ namespace: pod, id: 1337 }, [
      { host: CLIENT, port: 80 },
      { host: '127.0.0.1', port: 9080 },
      { host: POD, port: 9080 },
      { host: POD, port: 9080, localAddress: '127.0.0.6' },
    ]),
  ]);
  assert.deepEqual(fromOutside, ['pod:15006', 'pod:15006', 'pod:15020', 'pod:15021', 'pod:15090', 'pod:15008'], 'inbound, and its excluded ports');
  assert.deepEqual(fromApp, ['pod:15001', 'outside:3306', 'outside:80', 'pod:9080', 'pod:9080'], 'outbound, excluded port, excluded range, localhost, own address');
  assert.deepEqual(fromSidecar, ['outside:80', 'pod:9080', 'pod:15006', 'pod:9080'], 'own traffic, localhost, own service, the application from 127.0.0.6');
});

test('DNS queries to the pod’s name server go to the sidecar, and its own pass', { skip }, async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'resolv-'));
  t.after(() => rmSync(home, { recursive: true }));
  writeFileSync(join(home, 'resolv.conf'), `nameserver ${CLIENT}\n`);
  const { pod, ask } = await startPod(t, ['-u', '1337', '-b', '*', '-i', '*'], { ISTIO_META_DNS_CAPTURE: 'true', LATEEN_RESOLV_CONF: join(home, 'resolv.conf') });
  const queries: Target[] = [{ host: CLIENT, port: 53, udp: true }, { host: CLIENT, port: 53 }, { host: OUTSIDE, port: 53, udp: true }];
  assert.deepEqual(await ask({ namespace: pod, id: 1000 }, queries), ['pod:15053', 'pod:15053', 'outside:53'], 'UDP, TCP, another server');
  assert.deepEqual(await ask({ namespace: pod, id: 1337 }, queries), ['outside:53', 'outside:53', 'outside:53']);
  // The same addresses and ports, one after the other: without zones the second would be taken for a part of the first.
  const samePort: Target[] = [{ host: CLIENT, port: 53, udp: true, localPort: 45_353 }];
  assert.deepEqual([await ask({ namespace: pod, id: 1000 }, samePort), await ask({ namespace: pod, id: 1337 }, samePort)], [['pod:15053'], ['outside:53']]);
});

test('only the named ports and ranges are captured when they are named', { skip }, async (t) => {
  const { pod, client, ask } = await startPod(t, ['-u', '1337', '-b', '9080', '-i', '10.77.1.0/24', '-q', '3306']);
  const [inbound, outbound] = await Promise.all([
    ask({ namespace: client }, [{ host: POD, port: 9080 }, { host: POD, port: 9999 }]),
    ask({ namespace: pod, id: 1000 }, [{ host: OUTSIDE, port: 9080 }, { host: CLIENT, port: 80 }, { host: CLIENT, port: 3306 }]),
  ]);
  assert.deepEqual([inbound, outbound], [['pod:15006', 'pod:9999'], ['pod:15001', 'outside:80', 'pod:15001']]);
});

test('running again replaces the rules, and the clean-up takes them away', { skip }, async (t) => {
  const { pod, client, ask } = await startPod(t, ['-u', '1337', '-b', '*', '-i', '*']);
  const again = (...args: string[]) => run('ip', ['netns', 'exec', pod, process.execPath, MAIN, 'istio-iptables', ...args]);
  await again('-u', '1337', '-b', '9080', '-i', '');
  assert.deepEqual(await ask({ namespace: client }, [{ host: POD, port: 9080 }, { host: POD, port: 9999 }]), ['pod:15006', 'pod:9999']);
  await again('--cleanup-only');
  assert.deepEqual(await ask({ namespace: client }, [{ host: POD, port: 9080 }]), ['pod:9080']);
  const { stdout } = await run('ip', ['netns', 'exec', pod, 'nft', 'list', 'ruleset']);
  assert.equal(stdout.trim(), '');
});
