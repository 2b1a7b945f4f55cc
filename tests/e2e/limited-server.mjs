// A server with a limit that is known: limited-server.mjs PORT MODE N
//   slow     echoes N frames per second; what comes faster waits
//   refuse   listens no more while N connections are open
//   reject   takes the connections after N and resets them
//   crash    ends with exit code 9 at the connection after N
//   delay    echoes each frame after N milliseconds
//   silent   takes all and answers nothing
//   segv     is killed by SIGSEGV N milliseconds after the first frame
import net from 'node:net';

const [port, mode, limit] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];
let open = 0;
let free_ms = 0;

/** When the reply to a frame that came now is ready. */
function readyIn_ms() {
  if (mode === 'delay') return limit;
  if (mode !== 'slow') return 0;
  const now = performance.now();
  free_ms = Math.max(now, free_ms) + 1000 / limit;
  return free_ms - now;
}

function reply(socket, frame) {
  const wait_ms = readyIn_ms();
  if (mode === 'silent') return;
  if (mode === 'segv') setTimeout(() => process.kill(process.pid, 'SIGSEGV'), limit);
  if (wait_ms < 1) socket.write(frame);
  else setTimeout(() => socket.destroyed || socket.write(frame), wait_ms);
}

const server = net.createServer({ noDelay: true }, (socket) => {
  open += 1;
  if (mode === 'crash' && open > limit) process.exit(9);
  if (mode === 'reject' && open > limit) {
    socket.on('close', () => { open -= 1; });
    socket.resetAndDestroy();
    return;
  }
  if (mode === 'refuse' && open === limit) server.close();
  let rest = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('close', () => { open -= 1; });
  socket.on('data', (data) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 2 && rest.length >= rest.readUInt16LE(0)) {
      const bytes = rest.readUInt16LE(0);
      reply(socket, rest.subarray(0, bytes));
      rest = rest.subarray(bytes);
    }
  });
});
setInterval(() => {}, 1e6); // it stays when it listens no more
server.listen(port, '127.0.0.1', 1024);
