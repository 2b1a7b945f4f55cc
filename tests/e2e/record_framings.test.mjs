// scripts/record guesses where messages end: each protocol here is captured, and the scenario that
// is made of it sends the same bytes to a server that answers as recorded.

import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { Capture, FIN, record, replay, serverOf, sessionIn, toolMissing } from './captures.mjs';
import { errorsOf, folderFor, LIMIT, said } from './harness.mjs';

const bytesOf = (number, count, order = 'BE') => {
  const bytes = Buffer.alloc(count);
  bytes[`writeUInt${order}`](number, 0, count);
  return bytes.toString('latin1');
};
const varint = (number) => (number < 128 ? String.fromCharCode(number)
  : String.fromCharCode(0x80 | (number & 0x7f)) + varint(number >> 7));
const ber = (number) => (number < 128 ? bytesOf(number, 1) : `\x82${bytesOf(number, 2)}`);

const long = 'x'.repeat(300);
/** What a client says and what it is answered, in turn: bodies of many sizes. */
const talk = (frame, more = []) => [['a1', 'ok'], ['bcd', `yes ${long}`], [`no\x00${long}`, ''],
  ['', 'fine'], ...more].flatMap(([out, back], i) => [frame(out, i, 0), frame(back, i, 1)]);

const korean = (body, key) => {
  const sum = [...body].reduce((all, one) => all + one.charCodeAt(0), 0) & 0xff;
  return `\x77${bytesOf(body.length, 2, 'LE')}${bytesOf(17 * key + 5, 1)}${bytesOf(sum, 1)}${body}`;
};

const KINDS = [
  { what: 'a constant and a length of ASN.1', talk: talk((body) => `0${ber(body.length)}${body}`),
    header: [{ hex: '30' }, { size: 'ber' }] },
  { what: 'an id and a varint',
    talk: talk((body, i, back) => bytesOf(0x10 + 16 * i + back, 1) + varint(body.length) + body),
    header: [{ id: 'u8' }, { size: 'varint' }] },
  { what: 'a varint alone', talk: talk((body) => varint(body.length) + body),
    header: [{ size: 'varint' }] },
  { what: 'an id, and a size that counts itself',
    talk: talk((body, i) => `${'QZCS'[i]}${bytesOf(4 + body.length, 4)}${body}`),
    header: [{ id: 'u8' }, { size: 'u32', plus: 4 }] },
  { what: 'a size in front of other fields', talk: talk(korean),
    header: [{ hex: '77' }, { size: 'u16', plus: -2 }], order: 'little' },
  { what: 'sixteen constants, and a size that counts all',
    talk: talk((body) => '\xff'.repeat(16) + bytesOf(18 + body.length, 2) + body),
    header: [{ hex: 'ff'.repeat(16) }, { size: 'u16', plus: 18 }] },
  { what: 'a number per message, constants, and the size',
    talk: talk((body, i) =>
      bytesOf(0x0101 * (i + 1), 2) + '\0\x01' + bytesOf(body.length, 2) + body),
    header: [{ id: 'u16' }, { hex: '0001' }, { size: 'u16' }] },
  { what: 'a size of 24 bits and a number behind it',
    talk: talk((body, i) => `${bytesOf(body.length, 3, 'LE')}${bytesOf(i, 1)}${body}`,
      [['z'.repeat(66000), '']]),
    header: [{ size: 'u24', plus: -1 }], order: 'little', most: 66004 },
  { what: 'messages above 64 KiB',
    talk: talk((body, i) => `${bytesOf(7 + i, 1)}${bytesOf(body.length, 4)}${body}`,
      [['big', 'y'.repeat(70000)]]),
    header: [{ id: 'u8' }, { size: 'u32' }], most: 70005 },
  { what: 'HTTP', framing: { type: 'http' }, talk: [
    'GET /a HTTP/1.1\r\nHost: x\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    'POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{}\n',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' +
      '5\r\nhello\r\n6;x\r\n world\r\n0\r\n\r\n',
    'GET /c HTTP/1.1\r\nHost: x\r\n\r\n', 'HTTP/1.1 204 No Content\r\n\r\n'] },
  { what: 'RESP', framing: { type: 'resp' }, talk: [
    '*1\r\n$4\r\nPING\r\n', '+PONG\r\n', '*2\r\n$3\r\nGET\r\n$1\r\na\r\n', '$7\r\na\r\nb\r\nc\r\n',
    '*1\r\n$4\r\nKEYS\r\n', '*3\r\n$1\r\na\r\n$-1\r\n*1\r\n:5\r\n'] },
  { what: 'lines of memcached, with their payloads',
    framing: { type: 'lines', delimiter: '\r\n', rules: [
      { starts_with: 'set ', size: 'last_number' },
      { starts_with: 'VALUE ', size: { word: 3 }, until: 'END' }] },
    talk: ['set a 0 0 5\r\nh\r\nlo\r\n', 'STORED\r\n', 'gets a b\r\n',
      'VALUE a 0 5 77\r\nh\r\nlo\r\nVALUE b 0 1 78\r\nx\r\nEND\r\n',
      'set b 0 0 1\r\nx\r\n', 'STORED\r\n', 'gets c\r\n', 'END\r\n'] },
  { what: 'lines of NATS, with their payloads',
    framing: { type: 'lines', delimiter: '\r\n', rules: [
      { starts_with: 'PUB ', size: 'last_number' }, { starts_with: 'MSG ', size: 'last_number' }] },
    talk: ['SUB a 1\r\n', '+OK\r\n', 'PUB a 5\r\nMSG 1\r\n', 'MSG a 1 5\r\nMSG 1\r\n',
      'PUB a 0\r\n\r\n', 'MSG a 1 0\r\n\r\n'] },
  { what: 'replies of several lines, as of SMTP',
    framing: { type: 'lines', delimiter: '\r\n',
      rules: [{ like: '###-', until: { like: '### ' } }] },
    talk: ['EHLO me\r\n', '250-you\r\n250-SIZE 100\r\n250 HELP\r\n', 'MAIL FROM:<a>\r\n',
      '250 ok\r\n', 'QUIT\r\n', '221 bye\r\n'] },
  { what: 'a size by the id, of which some are said', order: 'little',
    framing: { type: 'by_id', id: 'u16', size: 'u16', plus: 4, byte_order: 'little',
      sizes: { '0x0164': 6, '0x0165': -1, '0x0269': 4, '0x026a': -1 } },
    talk: ['\x64\x01abcd', '\x69\x02xy', '\x65\x01\x09\0hello', '\x6a\x02\x05\0!',
      '\x64\x01\0\0\0\0', '\x6a\x02\x06\0hi', '\x65\x01\x04\0', '\x69\x02zz'] },
  { what: 'a size by the id alone', order: 'big',
    framing: { type: 'by_id', id: 'u8', byte_order: 'big',
      sizes: { '0x02': 7, '0x1a': 2, '0x73': 2 } },
    talk: ['\x02\x81\x07\x01\0\0\0', '\x1a\x81', '\x73\x07', '\x73\x07\x1a\x82',
      '\x02\x81\x07\x02\0\0\0', '\x1a\x83', '\x73\x09', '\x73\x09\x1a\x84'] },
  { what: 'lines of POP3, which are no RESP', framing: { type: 'delimiter', delimiter: '\r\n' },
    talk: ['USER a\r\n', '+OK\r\n', 'PASS b\r\n', '-ERR no\r\n'] },
  { what: 'a delimiter that ends no line', framing: { type: 'delimiter', delimiter: ';' },
    talk: ['get a;', 'a=1\n;', 'set;', 'ok;'] },
];

/** The capture of two sessions with this talk. */
function captured(folder, pieces) {
  const capture = new Capture();
  for (const [nth, port] of [40001, 40002].entries()) {
    const session = sessionIn(capture, port, nth * 5);
    let ms = nth * 5;
    pieces.forEach((piece, i) => {
      // As a network cuts what is large.
      for (let at = 0; at < piece.length || at === 0; at += 40000) {
        ms += 10;
        if (piece) session.say(i % 2 ? 'server' : 'client', ms, piece.slice(at, at + 40000));
      }
    });
    session.say('client', ms + 10, '', FIN);
  }
  const file = path.join(folder, 'kind.pcap');
  capture.write(file);
  return file;
}

for (const { what, talk: pieces, framing, header, order = 'big', most } of KINDS) {
  test(`the framing of a capture is guessed: ${what}`, { ...LIMIT, skip: toolMissing },
    async (t) => {
      const made = record(t, captured(folderFor(t), pieces), ['--replies', 'verify']);
      assert.equal(made.status, 0, made.stderr);
      assert.deepEqual(made.scenario.framing, framing ?? { type: 'length', header,
        byte_order: order, ...(most ? { frame_bytes_max: most } : {}) });
      assert.match(made.stdout, /framing \(guessed\): \{"type":.*all 4 streams exactly, into/);
      const answers = pieces.filter((piece, i) => i % 2);
      const asked = pieces.filter((piece, i) => i % 2 === 0);
      const server = await serverOf(t, (client, text, session) => {
        session.text = (session.text ?? '') + text;
        session.answered ??= 0;
        while (session.answered < asked.length &&
          session.text.length >= asked.slice(0, session.answered + 1).join('').length) {
          client.say(answers[session.answered]);
          session.answered += 1;
        }
      });
      const { program, result } = await replay(t, made.out, server.port);
      assert.equal(program.exitCode, 0, said(program));
      assert.deepEqual(errorsOf(result), {}, said(program));
      assert.deepEqual(server.said(), [asked.join(''), asked.join('')]);
      assert.equal(Number(result.totals.responses), 2 * answers.length, said(program));
    });
}

test('what no framing divides exactly is raw, and said', { skip: toolMissing }, (t) => {
  const pieces = ['\x07\x13ab', 'x\x01', 'q\x99\x01', '\xfe\xfez'];
  const made = record(t, captured(folderFor(t), pieces));
  assert.equal(made.scenario.framing.type, 'raw');
  assert.match(made.stdout, /framing \(guessed\): raw; no other divides all streams exactly/);
});

test('a framing that is given may have every field of a header', { skip: toolMissing }, (t) => {
  const frame = (body) => `8=FIX.4.2\x019=${body.length}\x01${body}10=123\x01`;
  const framing = { type: 'length', header: [{ text: '8=FIX.4.2\x019=' },
    { size: 'digits', until: '\x01' }], tail: [{ text: '10=' }, { digits3: 'header_and_body' },
    { hex: '01' }] };
  const file = captured(folderFor(t), [frame('35=A\x01'), frame('35=A\x0149=S\x01')]);
  const made = record(t, file, ['--framing', JSON.stringify(framing), '--replies', 'verify']);
  assert.equal(made.status, 0, made.stderr);
  assert.match(made.stdout, /framing \(given\): .*4 streams exactly, into 4 messages/);
  const { request } = made.scenario.behaviors[0].loop.find((step) => step.request);
  assert.deepEqual(request.verify.equals, { hex: Buffer.from('35=A\x0149=S\x01').toString('hex') });
  const not = record(t, file, ['--framing', '{"type":"length","header":[{"size":"u8"}]}']);
  assert.match(not.stderr, /does not come out even under this framing; try --framing raw/);
});
