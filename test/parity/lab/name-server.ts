/** A name server for the proxies of the lab: `name-server.ts ADDRESS {"NAME": ["ADDRESS", …]}`. */
import { createSocket } from 'node:dgram';
import { parseAddress } from '../../../src/base/cidr.ts';
import { decodeQuery, encodeAnswer, RecordType, ResponseCode } from '../../../src/base/dns/message.ts';

const [address = '', text = '{}'] = process.argv.slice(2);
const names = new Map(Object.entries(JSON.parse(text) as Record<string, string[]>));
const socket = createSocket('udp4');
socket.on('message', (message, from) => {
  const query = decodeQuery(message);
  if (!query) return;
  const { name, type } = query.question;
  const found = names.get(name.toLowerCase());
  const answers = type === RecordType.A ? (found ?? []).map((ip) => ({ name, ttl: 60, data: { type: 'A' as const, address: parseAddress(ip) ?? new Uint8Array() } })) : [];
  socket.send(encodeAnswer(query, { code: found ? ResponseCode.NoError : ResponseCode.NameError, answers, authority: [], additional: [] }, 1232), from.port, from.address);
});
socket.bind(53, address, () => process.stdout.write('ready\n'));
