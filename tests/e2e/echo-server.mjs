// A server that is not ours, for --server-cmd: echoes bytes. echo-server.mjs PORT
import net from 'node:net';

net.createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {});
  socket.pipe(socket);
}).listen(Number(process.argv[2]), '127.0.0.1');
