/** tcp-echo: answers every line with a prefix. Arguments: `PORT[,PORT…] PREFIX`. */
import { createServer } from 'node:net';

const [ports = '9000', prefix = 'hello'] = process.argv.slice(2);

for (const port of ports.split(',').map(Number)) {
  const server = createServer((socket) => {
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) socket.write(`${prefix} ${line}\n`);
    });
    socket.on('end', () => socket.end(rest === '' ? '' : `${prefix} ${rest}\n`));
    socket.on('error', () => socket.destroy());
  });
  server.listen(port, () => console.log(`listening on ${port}, prefix: ${prefix}`));
}
process.once('SIGTERM', () => process.exit(0));
