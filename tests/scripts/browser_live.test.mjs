// The live page in a real headless Chromium, at a run that is made up second by second: readers
// that come late, connections that are lost, orders, a day.

import assert from 'node:assert/strict';
import test from 'node:test';
import { openAddress, skip } from './browser.mjs';
import { makeRecords, makeServerRecords, PLAN, playLive } from './live_player.mjs';

const LIMIT = { skip, timeout: 600000 };

async function openLive(t, options, browser) {
  const run = await playLive(options);
  t.after(() => run.close());
  return { run, ...await openAddress(t, `http://127.0.0.1:${run.port}/${options.query ?? ''}`,
    browser) };
}

/** Waits until the page knows so many seconds. */
const known = (page, seconds) => page.waitForFunction((wanted) =>
  window.dummyloadLive?.entries.at(-1)?.from === (wanted - 1) * 1e9, seconds);
const responses = (page) => page.evaluate(() => window.dummyloadLive.entries
  .reduce((sum, { entry }) => sum + entry.responses, 0));
const responsesOf = (records) => records.reduce((sum, one) => sum + one.responses, 0);
/** A connection that is cut is an error on the console. */
const unexpected = (said) => said.filter((line) => !/ERR_|net::|Failed to load/.test(line));

test('who comes late has the whole history, and each second as it comes', LIMIT, async (t) => {
  const records = makeRecords({ seconds: 40, fail_at: 30 });
  const { run, page, said } = await openLive(t, { records: records.slice(0, 25) });
  await known(page, 25);
  await page.waitForFunction(() => window.dummyloadCharts?.size > 0);
  await page.waitForFunction(() => document.title.startsWith('Running – game-lobby'));
  assert.match(await page.locator('#verdicts').innerText(), /No errors/);
  for (const record of records.slice(25)) run.say(record);
  await known(page, 40);
  await page.waitForFunction(() => document.getElementById('phase').innerText === 'Ended');
  run.end({ exit_code: 99, valid: true, failures: ['no answers to <b>anything</b>'],
    thresholds: [{ expr: 'errors.total == 0', value: '20000', pass: false }] });
  await page.waitForFunction(() => /Failed/.test(document.getElementById('verdicts').innerText));
  assert.match(await page.locator('#verdicts').innerText(),
    /Failed: no answers to <b>anything<\/b>\nexit code 99[^]*1 of 1 thresholds did not hold/);
  assert.equal(await responses(page), responsesOf(records));
  assert.equal(await page.locator('#phase').innerText(), 'Ended');
  assert.match(await page.locator('#tables').innerText(), /connect refused/);
  assert.equal(run.streams, 1, 'a run that has ended is not asked again');
  assert.deepEqual(said, []);
});

test('a stream that is cut is taken up again, and nothing is missing', LIMIT, async (t) => {
  const records = makeRecords({ seconds: 30 });
  const { run, page, said } = await openLive(t, { records: records.slice(0, 10) });
  await known(page, 10);
  run.cut();
  for (const record of records.slice(10, 20)) run.say(record);
  await known(page, 20);
  assert.equal(await responses(page), responsesOf(records.slice(0, 20)));
  assert.equal(await page.locator('#link').innerText(), 'live');
  assert.deepEqual(unexpected(said), []);
});

test('the next run on the port begins anew, with its own plan', LIMIT, async (t) => {
  const records = makeRecords({ seconds: 30 });
  const { run, page, said } = await openLive(t, { records: records.slice(0, 10) });
  await known(page, 10);
  const others = records.slice(0, 3).map((record) => ({ ...record, run_id: 'another' }));
  run.next(others, { ...PLAN, scenario: { name: 'chat' } });
  await known(page, 3);
  assert.equal(await responses(page), responsesOf(others));
  await page.waitForFunction(() => document.getElementById('name').innerText === 'chat');
  assert.deepEqual(unexpected(said), []);
});

test('a stream that says nothing any more is given up for another', LIMIT, async (t) => {
  const records = makeRecords({ seconds: 20 });
  const { run, page } = await openLive(t, { records: records.slice(0, 10) });
  await known(page, 10);
  const before = run.streams;
  run.mute();
  for (const record of records.slice(10)) run.say(record);
  await known(page, 20);
  assert.ok(run.streams > before);
  assert.equal(await responses(page), responsesOf(records));
});

test('buttons order what they say, with the token of the address', LIMIT, async (t) => {
  const { run, page, said } = await openLive(t, { records: makeRecords({ seconds: 30 })
    .slice(0, 20), query: '?token=secret' });
  await known(page, 20);
  page.on('dialog', (dialog) => dialog.accept(dialog.type() === 'prompt' ? 'half time' : ''));
  const shown = () => page.locator('#control button:visible').allInnerTexts();
  for (const name of ['faster', 'slower', 'pause']) {
    await page.locator(`[data-order="${name}"]`).click();
  }
  assert.ok((await shown()).includes('Pause') && !(await shown()).includes('Resume'));
  run.say(makeRecords({ seconds: 30, marks: [{ t_ns: 20.5e9, kind: 'pause', text: 'pause',
    who: '127.0.0.1' }] })[20]);
  for (const name of ['resume', 'stage', 'mark', 'end']) {
    await page.locator(`[data-order="${name}"]`).click();
  }
  assert.ok(!(await shown()).includes('Pause'));
  await page.waitForFunction(() => document.querySelector('#control span').innerText);
  await page.waitForTimeout(200);
  assert.deepEqual(run.orders.map(({ order }) => order), [{ rate: '+10%' }, { rate: '-10%' },
    { pause: true }, { pause: false }, { end: 'stage' }, { mark: 'half time' }, { end: 'run' }]);
  assert.ok(run.orders.every(({ authorization }) => authorization === 'Bearer secret'));
  assert.deepEqual(said, []);
});

test('a closed loop has no rate to steer', LIMIT, async (t) => {
  const { page } = await openLive(t, { records: makeRecords({ seconds: 30 }).slice(0, 9),
    plan: { ...PLAN, load: { ...PLAN.load, loop: 'closed' } } });
  await known(page, 9);
  await page.waitForFunction(() => document.querySelector('#control').className === 'closed');
  const shown = page.locator('#control button:visible');
  assert.deepEqual(await shown.allInnerTexts(), ['Mark…', 'End stage', 'End run']);
});

test('without leave to steer there are no buttons', LIMIT, async (t) => {
  const { page, said } = await openLive(t, { control: false,
    records: makeRecords({ seconds: 30 }).slice(0, 9) });
  await known(page, 9);
  assert.equal(await page.locator('#control').isVisible(), false);
  assert.deepEqual(said, []);
});

/** The server of a run: the figures that it serves itself. */
async function playServer(t, options) {
  const server = await playLive({ origin: '*', plan: null, control: false, ...options });
  t.after(() => server.close());
  return { server, url: `http://127.0.0.1:${server.port}/` };
}

const knownOfServer = (page, seconds) => page.waitForFunction((wanted) => window.dummyloadServer()
  ?.live.entries.at(-1)?.from === (wanted - 1) * 1e9, seconds);
const drawnNames = (page) => page.evaluate(() => [...window.dummyloadCharts.keys()]
  .map((box) => box.dataset.chart));

test('the server is shown beside the run, also to who comes late', LIMIT, async (t) => {
  const { server, url } = await playServer(t, { records: makeServerRecords({ seconds: 20 }) });
  const { run, page, said } = await openLive(t, { server: url,
    records: makeRecords({ seconds: 60 }).slice(0, 20) },
  { viewport: { width: 1400, height: 6000 } });
  await known(page, 20);
  await knownOfServer(page, 120);
  await page.waitForFunction(() => window.dummyloadCharts?.size > 8);
  for (const name of ['messages', 'server_samples']) {
    assert.ok((await drawnNames(page)).includes(name), name);
  }
  const shown = () => page.locator('#server').innerText();
  assert.match(await shown(), new RegExp(`^Server 127\\.0\\.0\\.1:${server.port}: live\n`));
  assert.match((await shown()).replaceAll('\u202f', ''), /Received, messages\n2000\/s/);
  // It ends, and the run goes on.
  server.end({});
  await page.waitForFunction(() => /: ended/.test(document.getElementById('server').innerText));
  run.say(makeRecords({ seconds: 60 })[20]);
  await known(page, 21);
  assert.equal(await page.locator('#link').innerText(), 'live');
  assert.deepEqual(said, [`request: ${url}events`], 'it asks nobody else');
});

test('a server that comes later, is cut off and comes again; the run ends first', LIMIT,
  async (t) => {
    const first = await playServer(t);
    first.server.close();
    const records = makeRecords({ seconds: 22 });
    const { run, page } = await openLive(t, { server: first.url, records: records.slice(0, 20) });
    await known(page, 20);
    const says = (words) => page.waitForFunction((wanted) =>
      document.getElementById('server').innerText.includes(wanted), words);
    await says('not there yet');
    assert.match(await page.locator('#verdicts').innerText(), /No errors/);
    const { server } = await playServer(t, { port: first.server.port,
      records: makeServerRecords({ seconds: 20 }) });
    await knownOfServer(page, 120);
    await says('live');
    server.cut();
    await says('connection lost');
    server.say(makeServerRecords({ seconds: 21 })[120]);
    await knownOfServer(page, 121);
    await says('live');
    for (const record of records.slice(20)) run.say(record);
    await page.waitForFunction(() => document.getElementById('phase').innerText === 'Ended');
    run.end({ exit_code: 0, valid: true });
    const before = server.streams;
    await says('live');
    server.close();
    // Nobody is asked again: the run has ended.
    await page.waitForTimeout(2500);
    assert.equal(server.streams, before);
    assert.equal(await page.locator('#link').innerText(), 'ended');
  });

test('a server that does not let the page read is only not shown', LIMIT, async (t) => {
  const { url } = await playServer(t, { origin: undefined,
    records: makeServerRecords({ seconds: 20 }) });
  const { page } = await openLive(t, { server: url,
    records: makeRecords({ seconds: 60 }).slice(0, 20) });
  await known(page, 20);
  await page.waitForFunction(() => document.getElementById('server').innerText.includes('not ' +
    'there yet'));
  assert.match(await page.locator('#verdicts').innerText(), /No errors/);
  assert.equal(await page.locator('#link').innerText(), 'live');
});

test('dark and narrow: nothing is wider than the window', LIMIT, async (t) => {
  const { page, said } = await openLive(t, { records: makeRecords({ seconds: 50, fail_at: 40 })
    .slice(0, 45) }, { colorScheme: 'dark', viewport: { width: 380, height: 5000 } });
  await known(page, 45);
  await page.waitForFunction(() => window.dummyloadCharts?.size > 6);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('.panel.table')]
    .filter((one) => one.scrollWidth > one.clientWidth)
    .map((one) => one.querySelector('h3').innerText)), [], 'no table is cut off');
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
    'rgb(14, 19, 24)');
  assert.deepEqual(said, []);
});

test('a day: the page keeps a bounded number of points, and draws', LIMIT, async (t) => {
  const minute = makeRecords({ seconds: 60, rate: 500 });
  // The last hour by its seconds, what was before by 10 of them.
  const records = [];
  for (let end = 0; end < 86400;) {
    const span = end < 82800 ? 10 : 1;
    end += span;
    records.push({ ...minute[30 + (end % 29)], t_ns: end * 1e9, interval_ns: span * 1e9 });
  }
  const { page, said } = await openLive(t, { records },
    { viewport: { width: 1400, height: 3000 } });
  await known(page, 86400);
  await page.waitForFunction(() => window.dummyloadCharts?.size > 4);
  assert.equal(await responses(page), responsesOf(records));
  assert.ok(await page.evaluate(() => window.dummyloadLive.entries.length) <= 1201);
  assert.deepEqual(said, []);
});
