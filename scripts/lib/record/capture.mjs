// A capture file as TCP segments, read by tshark.

import fs from 'node:fs';
import { spawn } from 'node:child_process';
import { Failure } from '../base/process.mjs';

const FIELDS = ['frame.time_epoch', 'tcp.stream', 'ip.src', 'ipv6.src', 'tcp.srcport',
  'tcp.dstport', 'tcp.seq', 'tcp.flags.syn', 'tcp.flags.ack', 'tcp.flags.fin', 'tcp.flags.reset',
  'tcp.payload'];

const isTrue = (text) => text === '1' || text === 'True';

/** One line of tshark's output. */
function segmentOf(line) {
  const cells = line.split('\t');
  const [time, stream, ip4, ip6, source, target, sequence, syn, ack, fin, reset, payload] = cells;
  // Seconds with nine decimals do not fit into a double: the parts do.
  const [seconds, decimals = ''] = time.split('.');
  return {
    timeNs: BigInt(seconds) * 1000000000n + BigInt(decimals.padEnd(9, '0').slice(0, 9)),
    stream: Number(stream),
    source: `${ip4 || ip6}:${source}`,
    sourcePort: Number(source),
    targetPort: Number(target),
    sequence: Number(sequence),
    syn: isTrue(syn),
    ack: isTrue(ack),
    fin: isTrue(fin),
    reset: isTrue(reset),
    payload: Buffer.from((payload ?? '').replaceAll(':', ''), 'hex'),
  };
}

/** tshark takes some texts for captures and finds nothing in them. */
function demandCapture(file) {
  if (!fs.existsSync(file)) throw new Failure(`${file}: there is no such file`);
  if (!fs.statSync(file).isFile()) throw new Failure(`${file}: this is no file`);
  const begin = Buffer.alloc(1);
  const descriptor = fs.openSync(file, 'r');
  const count = fs.readSync(descriptor, begin);
  fs.closeSync(descriptor);
  if (count === 0) throw new Failure(`${file}: this file is empty`);
  if ('{['.includes(begin.toString('latin1'))) {
    throw new Failure(`${file}: this is JSON; expected a capture (pcap, pcapng)`);
  }
}

/** All TCP segments of the file, in the order of the capture, and what is to be said about it. */
export function readSegments(file) {
  demandCapture(file);
  const args = ['-r', file, '-Y', 'tcp', '-T', 'fields', '-o', 'tcp.relative_sequence_numbers:TRUE',
    ...FIELDS.flatMap((field) => ['-e', field])];
  return new Promise((resolve, reject) => {
    const program = spawn('tshark', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const segments = [];
    let rest = '';
    let complaint = '';
    program.stdout.setEncoding('latin1').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) if (line) segments.push(segmentOf(line.replace('\r', '')));
    });
    program.stderr.setEncoding('utf8').on('data', (text) => { complaint += text; });
    program.on('error', () => reject(new Failure('tshark is not installed (scripts/setup ' +
      '--for record installs it)')));
    program.on('close', (code) => {
      // Of a capture that was copied while it was written, what is whole is used.
      const cut = /cut short/.test(complaint);
      const notes = cut ? ['the capture is cut short: its last packet was left out'] : [];
      if (code === 0 || (cut && segments.length > 0)) resolve({ segments, notes });
      else reject(new Failure(`tshark could not read ${file}: ` +
        complaint.trim().split('\n').pop()));
    });
  });
}
