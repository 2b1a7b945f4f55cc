// A real Prometheus scrapes a run, by the configuration that scripts/dashboards/ has, and answers
// each query of the dashboard; its percentiles are those of the result.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileFor, folderFor, freePort, LIMIT, resultOf, ROOT, RUN_TIME_MS, runServer, said,
  startClient, TAME } from './harness.mjs';
import { Program, sleep } from '../../scripts/lib/base/process.mjs';

const PROGRAM = ['/usr/bin/prometheus', '/usr/local/bin/prometheus']
  .find((file) => fs.existsSync(file));
const OPTIONS = { ...LIMIT, skip: !PROGRAM && 'Prometheus is not installed' };
const DASHBOARDS = path.join(ROOT, 'scripts', 'dashboards');
const CLOSE = 0.05;
const PERCENTILES = [['p50', 0.5], ['p90', 0.9], ['p99', 0.99]];
/** Nothing went wrong in the run: there is nothing to count. */
const EMPTY = /^rate\(dummyload_errors_total/;

/** Prometheus with the configuration of scripts/dashboards/, at the client's port: query(text). */
async function startPrometheus(t, target) {
  const folder = folderFor(t);
  const config = fs.readFileSync(path.join(DASHBOARDS, 'prometheus.yml'), 'utf8');
  assert.ok(config.includes('127.0.0.1:9900'));
  const file = path.join(folder, 'prometheus.yml');
  fs.writeFileSync(file, config.replaceAll('127.0.0.1:9900', `127.0.0.1:${target}`));
  const port = await freePort();
  const program = new Program(PROGRAM, [`--config.file=${file}`, `--storage.tsdb.path=${folder}/db`,
    `--web.listen-address=127.0.0.1:${port}`], { group: true });
  t.after(() => program.kill());
  return async (text) => {
    const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(text)}`;
    for (;;) {
      assert.ok(!program.ended, said(program));
      const answer = await fetch(url).then((one) => (one.status === 503 ? null : one.json()),
        () => null);
      if (answer) {
        assert.equal(answer.status, 'success', `${text}: ${answer.error}`);
        return answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
      }
      await sleep(100);
    }
  };
}

/** Asks until what is answered is enough. */
async function ask(query, text, enough, client, title = text) {
  for (;;) {
    const found = await query(text);
    if (enough(found)) return found;
    assert.ok(!client.ended, `${title}: ${text} is not answered\n${said(client)}`);
    await sleep(200);
  }
}

/** Every query of the dashboard, as Grafana would send it. */
function dashboardQueries() {
  const { panels } = JSON.parse(fs.readFileSync(path.join(DASHBOARDS, 'grafana.json'), 'utf8'));
  return panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ title,
    text: expr.replaceAll('$run', '.*').replaceAll('$__rate_interval', '1h') })));
}

test('a real Prometheus scrapes a run, and answers what the dashboard asks', OPTIONS, async (t) => {
  const folder = folderFor(t);
  const [file, out] = ['scraped.json', 'client.json'].map((name) => path.join(folder, name));
  // In the second stage nothing happens: what is scraped in it is the whole run.
  fs.writeFileSync(file, JSON.stringify({ name: 'scraped', load: { connections: 4, stages: [
    { duration: '8s', rate: '150/s' }, { duration: '3m', rate: '1/h' }] },
  thresholds: ['latency.response.p50 < 100s'],
  behaviors: [{ loop: [{ request: { name: 'echo', send: { id: 1, body: { text: 'hello' } } } }] }],
  }));
  const [server, port] = [await runServer(t), await freePort()];
  const query = await startPrometheus(t, port);
  // It looks for its targets some seconds after its start: the first second is to be scraped, too.
  while (!(await query('up')).length) await sleep(100);
  const client = startClient(t, [fileFor(file), '--target', `127.0.0.1:${server.port}`, '--listen',
    `127.0.0.1:${port}`, '-o', fileFor(out), ...TAME]);
  // All of the first stage has been answered and scraped.
  const due = 1200;
  await ask(query, 'dummyload_responses_total', ([one]) => one?.value >= due, client);
  await ask(query, 'dummyload_response_seconds_count', ([one]) => one?.value >= due, client);
  await ask(query, 'dummyload_latency_seconds_count{kind="response"}',
    ([one]) => one?.value >= due, client);

  for (const { title, text } of dashboardQueries()) {
    const answers = EMPTY.test(text) ? ({ length }) => length === 0
      : (found) => found.length > 0 && found.every(({ value }) => Number.isFinite(value));
    await ask(query, text, answers, client, title);
  }
  const read = {};
  for (const [key, share] of PERCENTILES) {
    const [{ value }] = await query(`histogram_quantile(${share}, ` +
      'sum by (le) (dummyload_response_seconds_bucket))');
    read[key] = value * 1e9;
  }
  assert.ok(await client.stop(RUN_TIME_MS), said(client));
  const { response } = resultOf(out).latency_ns;
  for (const [key] of PERCENTILES) {
    assert.ok(Math.abs(read[key] / response[key] - 1) <= CLOSE,
      `${key} is ${read[key]} ns, in the result ${response[key]} ns`);
  }
});

test('the dashboard has a query in every panel, and names only what a run has', OPTIONS, () => {
  for (const { text } of dashboardQueries()) assert.doesNotMatch(text, /\$/, text);
});
