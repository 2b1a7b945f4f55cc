// What a server says must not put messages on the wire that no step sends: texts with an end of
// line in them, captured and sent again.

import assert from 'node:assert/strict';
import test from 'node:test';
import { errorsOf, LIMIT, said } from './harness.mjs';
import { assertAllAnswered, judge, play } from './judged.mjs';

const EVIL = 'a\r\nDROP x\r\nb';

/** Per protocol: where one message of the client ends, what is answered (the text is in it as
 *  JSON), and a body with the text where it ends a message, and where it does not. */
const PROTOCOLS = {
  delimiter: {
    framing: { type: 'delimiter', delimiter: '\n' },
    take: (text) => text.indexOf('\n') + 1,
    answer: (json) => `${json}\n`,
    evil: { text: 'USE ${t}' },
    harmless: { json: { use: '${t}' } },
  },
  lines: {
    framing: { type: 'lines', delimiter: '\r\n' },
    take: (text) => {
      const put = /^PUT (\d+)\r\n/.exec(text);
      if (!put) return text.indexOf('\r\n') + 2 < 2 ? 0 : text.indexOf('\r\n') + 2;
      const end = put[0].length + Number(put[1]) + 2;
      return text.length < end ? 0 : end;
    },
    answer: (json) => `${json}\r\n`,
    evil: { text: 'USE ${t}' },
    harmless: { text: `PUT ${EVIL.length}\r\n\${t}` },
  },
  http: {
    framing: { type: 'http' },
    take: (text) => {
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return 0;
      const size = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
      return text.length < end + 4 + size ? 0 : end + 4 + size;
    },
    answer: (json) => `HTTP/1.1 200 OK\r\nContent-Length: ${json.length}\r\n\r\n${json}`,
    first: { text: 'GET /first HTTP/1.1\r\nHost: x\r\n\r\n' },
    evil: { text: 'GET /use HTTP/1.1\r\nHost: x\r\nX-Text: ${t}\r\n\r\n' },
    harmless: { text: `POST /use HTTP/1.1\r\nHost: x\r\nContent-Length: ${EVIL.length}\r\n\r\n` +
      `\${t}` },
  },
  resp: {
    framing: { type: 'resp' },
    take: (text) => {
      const bulk = /^\*1\r\n\$(\d+)\r\n/.exec(text);
      if (!bulk) return text.indexOf('\n') + 1;
      const end = bulk[0].length + Number(bulk[1]) + 2;
      return text.length < end ? 0 : end;
    },
    answer: (json) => `$${json.length}\r\n${json}\r\n`,
    first: { text: 'FIRST\r\n' },
    evil: { text: 'USE ${t}\r\n' },
    harmless: { text: `*1\r\n$${EVIL.length}\r\n\${t}\r\n` },
  },
};

async function server(t, { take, answer }) {
  const seen = [];
  const listener = await judge(t, (bytes, socket) => {
    const text = bytes.toString('latin1');
    const taken = take(text);
    if (taken === 0) return 0;
    seen.push(text.slice(0, taken));
    socket.write(answer(JSON.stringify({ t: EVIL })));
    return taken;
  });
  return { ...listener, seen };
}

const place = (name) => (name === 'http' ? 'body/json(/t)' : name === 'resp'
  ? "after('\r\n')/json(/t)" : 'json(/t)');

for (const [name, { framing, first = { text: 'FIRST' }, ...of }] of Object.entries(PROTOCOLS)) {
  const behavior = (body) => ({ loop: [
    { request: { name: 'first', send: { body: first }, within: '2m',
      capture: { t: place(name) } } },
    { request: { name: 'use', send: { body }, within: '2m' } }] });

  test(`${name}: a text that would end a message is not captured`, LIMIT, async (t) => {
    const peer = await server(t, of);
    const { program, result } = await play(t, peer.port, { framing, load: { rate: '40/s' },
      behavior: behavior(of.evil) });
    const { totals } = result;
    assert.equal(peer.seen.length, Number(totals.messages_sent), said(program));
    assert.deepEqual(peer.seen.filter((message) => /^DROP/.test(message)), []);
    assert.equal(Number(totals.messages_sent), Number(totals.messages_received));
    assert.deepEqual(Object.keys(errorsOf(result)), ['mismatch']);
    assert.equal(Number(errorsOf(result).mismatch), Number(totals.requests) / 2);
    assert.match(said(program), /with an end of line in it/);
  });

  test(`${name}: the same text where it ends nothing is sent as it is`, LIMIT, async (t) => {
    const peer = await server(t, of);
    const played = await play(t, peer.port, { framing, load: { rate: '40/s' },
      behavior: behavior(of.harmless) });
    assertAllAnswered(played);
    assert.equal(peer.seen.length, Number(played.result.totals.messages_sent));
    const escaped = name === 'delimiter' ? JSON.stringify(EVIL).slice(1, -1) : EVIL;
    const used = peer.seen.filter((message) => message.includes(escaped));
    assert.equal(used.length, peer.seen.length / 2);
  });
}
