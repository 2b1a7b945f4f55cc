// The live page in headless Chromium, served by a real client whose server is killed half-way: it
// grows, says what is wrong while the run goes on, gives those who come late the history, takes a
// lost stream up again, and asks nobody but the client.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { openAddress, skip } from '../scripts/browser.mjs';
import { fileFor, folderFor, freePort, LIMIT, resultOf, RUN_TIME_MS, runServer, said, startClient,
  TAME } from './harness.mjs';

const OPTIONS = { ...LIMIT, skip };

/** Connections that come back, and two kinds of requests. */
const SCENARIO = { name: 'live', description: 'Two requests of players that come back.',
  load: { connections: 10, rate: '200/s', duration: '60s' },
  thresholds: ['errors.total == 0', 'latency.response.p50 < 100s'],
  behaviors: [{ name: 'player', loop: [
    { request: { name: 'move', send: { id: 1, body: { text: 'to the left' } } } },
    { request: { name: 'chat', send: { id: 2, body: { text: 'hello' } } } }],
  on_disconnect: 'reconnect' }] };

/** A client that is watched: { client, address, out }. */
async function startWatched(t, server, args = []) {
  const folder = folderFor(t);
  const file = path.join(folder, 'live.json');
  const out = path.join(folder, 'client.json');
  fs.writeFileSync(file, JSON.stringify(SCENARIO));
  const port = await freePort();
  const client = startClient(t, [fileFor(file), '--target', `127.0.0.1:${server.port}`, '--listen',
    `127.0.0.1:${port}`, '-o', fileFor(out), ...TAME, ...args]);
  const address = `http://127.0.0.1:${port}/`;
  let serves = false;
  while (!serves) {
    assert.ok(!client.ended, said(client));
    serves = await fetch(address).then(({ ok }) => ok, () => false);
  }
  return { client, address, out, port };
}

const entries = (page) => page.evaluate(() => window.dummyloadLive?.entries.length ?? 0);
const known = (page, seconds) => page.waitForFunction((wanted) =>
  window.dummyloadLive?.entries.length >= wanted, seconds);
const text = (page, id) => page.locator(`#${id}`).innerText();
/** Waits until a part of the page says so. */
const says = (page, id, word) => page.waitForFunction(([where, what]) =>
  document.getElementById(where).innerText.includes(what), [id, word]);
/** What the browser itself says of a stream that was cut. */
const unexpected = (lines) => lines.filter((line) => !/ERR_|Failed to load/.test(line));

test('a run whose server is killed half-way: the page says so while it goes on', OPTIONS,
  async (t) => {
    const server = await runServer(t);
    const { client, address } = await startWatched(t, server);
    const { page, said: lines } = await openAddress(t, address,
      { viewport: { width: 1400, height: 4000 } });
    await known(page, 4);
    await says(page, 'phase', 'Running');
    assert.match(await text(page, 'name'), /^live$/);
    assert.match(await text(page, 'time'), /of 1:00, .* left/);
    await says(page, 'verdicts', 'No errors');
    await page.waitForFunction(() => window.dummyloadCharts?.size >= 6);
    const charts = await page.evaluate(() => [...window.dummyloadCharts.keys()]
      .map((box) => box.dataset.chart).sort());
    for (const name of ['bytes', 'connections', 'heat', 'rate', 'response', 'steps']) {
      assert.ok(charts.includes(name), `${name} in ${charts}`);
    }

    server.program.kill();
    await says(page, 'verdicts', 'errors');
    await says(page, 'verdicts', '0 of 10 connections');
    await says(page, 'verdicts', 'thresholds do not hold');
    await says(page, 'tables', 'errors.total == 0');
    await page.waitForFunction(() => [...window.dummyloadCharts.keys()]
      .some((box) => box.dataset.chart === 'errors'));
    assert.equal(client.ended, false, 'the run goes on');

    // Who comes now has the same history.
    const late = await openAddress(t, address);
    await known(late.page, await entries(page));
    await says(late.page, 'tables', 'errors.total == 0');
    const first = (one) => one.evaluate(() => window.dummyloadLive.entries[0].entry.responses);
    assert.equal(await first(late.page), await first(page));

    const stopped = client.stop(RUN_TIME_MS);
    await says(page, 'link', 'ended');
    await says(page, 'verdicts', 'did not hold');
    await stopped;
    assert.deepEqual(lines, []);
    assert.deepEqual(late.said, []);
  });

test('the server\'s own figures beside the run, until it is killed', OPTIONS, async (t) => {
  const server = await runServer(t, ['--listen', '127.0.0.1:0']);
  const [, figures] = await server.program.line(/live figures at (\S+)\s/, RUN_TIME_MS);
  const { client, address } = await startWatched(t, server, ['--listen-server', figures]);
  // By another name of this machine, too: it is the same page.
  const late = address.replace('127.0.0.1', 'localhost');
  for (const one of [address, late]) {
    const { page, said: lines } = await openAddress(t, one,
      { viewport: { width: 1400, height: 5000 } });
    await known(page, 4);
    await says(page, 'server', ': live');
    await page.waitForFunction(() => window.dummyloadServer().live.last.connections === 10);
    const sums = await page.evaluate(() => [window.dummyloadLive, window.dummyloadServer().live]
      .map(({ entries: all }) => all.slice(0, -2).reduce((sum, { entry }) =>
        sum + entry.messages_received, 0)));
    assert.ok(sums.every((sum) => sum > 0), String(sums));
    await page.waitForFunction(() => [...window.dummyloadCharts.keys()].some((box) =>
      box.dataset.chart === 'server_samples'));
    assert.deepEqual(lines, [`request: ${figures}events`]);
    if (one === late) {
      server.program.kill();
      await says(page, 'server', 'connection lost');
      await says(page, 'verdicts', '0 of 10 connections');
      assert.equal(await text(page, 'link'), 'live');
    }
  }
  await client.stop(RUN_TIME_MS);
});

test('what is done by hand is marked on all pages and in the result', OPTIONS, async (t) => {
  const server = await runServer(t);
  const { client, address, out } = await startWatched(t, server);
  const { page, said: lines } = await openAddress(t, address);
  const other = await openAddress(t, address);
  page.on('dialog', (dialog) => dialog.accept(dialog.type() === 'prompt' ? 'half time' : ''));
  const press = (name) => page.locator(`[data-order="${name}"]`).click();
  await known(page, 3);
  await press('faster');
  await says(page, 'verdicts', 'The load was steered');
  await says(other.page, 'tables', 'rate +10%');
  await page.waitForFunction(() => window.dummyloadLive.entries.at(-1).entry.due >= 215);
  await press('mark');
  await says(other.page, 'tables', 'half time');
  await press('pause');
  await page.waitForFunction(() => window.dummyloadLive.entries.at(-1).entry.due === 0);
  await press('resume');
  await page.waitForFunction(() => window.dummyloadLive.entries.at(-1).entry.due > 0);
  await press('end');
  await says(page, 'link', 'ended');
  await says(other.page, 'link', 'ended');
  await client.wait(RUN_TIME_MS);
  const { steering } = resultOf(out);
  assert.deepEqual(steering.marks.map(({ kind }) => kind),
    ['rate', 'mark', 'pause', 'resume', 'end']);
  assert.deepEqual([lines, other.said], [[], []]);
});

/** A way to the client that can be cut: { port, cut() }. */
async function relayTo(t, port) {
  const pairs = new Set();
  let open = true;
  const relay = net.createServer((near) => {
    if (!open) { near.destroy(); return; }
    const far = net.connect(port, '127.0.0.1');
    pairs.add(near).add(far);
    near.on('error', () => {}).on('close', () => far.destroy());
    far.on('error', () => {}).on('close', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  await new Promise((resolve) => { relay.listen(0, '127.0.0.1', resolve); });
  const cut = (now) => {
    open = !now;
    for (const socket of now ? pairs : []) socket.destroy();
  };
  t.after(() => { cut(true); relay.close(); });
  return { port: relay.address().port, cut };
}

test('a way that is cut for some seconds leaves no gap', OPTIONS, async (t) => {
  const server = await runServer(t);
  const { client, port } = await startWatched(t, server);
  const relay = await relayTo(t, port);
  const { page, said: lines } = await openAddress(t, `http://127.0.0.1:${relay.port}/`);
  await known(page, 3);
  relay.cut(true);
  await says(page, 'link', 'lost');
  const before = await entries(page);
  await new Promise((resolve) => { setTimeout(resolve, 3000); });
  relay.cut(false);
  await known(page, before + 3);
  await says(page, 'link', 'live');
  const gaps = await page.evaluate(() => window.dummyloadLive.entries
    .map(({ from }, i, all) => (i ? from - all[i - 1].from - all[i - 1].span : from)));
  assert.ok(gaps.every((gap) => Math.abs(gap) <= 1), `between the records: ${gaps} ns`);
  assert.deepEqual(unexpected(lines), []);
  await client.stop(RUN_TIME_MS);
});

test('the page is whole: HTML of one file, whatever is asked of it', OPTIONS, async (t) => {
  const server = await runServer(t);
  const { address } = await startWatched(t, server);
  const answer = await new Promise((resolve) => { http.get(address, resolve); });
  let html = '';
  for await (const chunk of answer.setEncoding('utf8')) html += chunk;
  assert.equal(answer.headers['content-type'], 'text/html; charset=utf-8');
  assert.match(html, /<\/html>\s*$/);
  assert.ok(html.length <= 700e3, `${html.length} bytes`);
});
