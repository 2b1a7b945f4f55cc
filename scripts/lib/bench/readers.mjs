// Do readers of the live page disturb the run? One run with stages: in every second one a hundred
// readers are attached. How late messages leave (send_lag) in the two kinds of stages is compared.

import http from 'node:http';
import { CLIENTS, ECHO, SERVERS, against } from './players.mjs';
import { median } from '../judging/statistics.mjs';
import { Failure, sleep } from '../base/process.mjs';
import { freePort } from '../playing/listeners.mjs';

const READERS = 100;
const RATE = '5000/s';
const CONNECTIONS = 50;

/** A reader of /events: calls take(record) for each. Returns what ends it. */
function readEvents(port, take = () => {}) {
  const request = http.get({ host: '127.0.0.1', port, path: '/events', agent: false }, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
      for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
        const data = /^id: .*\ndata: (.*)$/.exec(text.slice(0, end))?.[1];
        if (data) take(JSON.parse(data));
      }
    }).on('error', () => {});
  });
  const listening = new Promise((resolve) => {
    request.on('response', () => resolve(true)).on('error', () => resolve(false));
  });
  return { listening, leave: () => request.destroy() };
}

/** Attaches the readers in the stages of odd number, until stop() is called. */
function watchInTurns(port, stage_s) {
  const watch = { attached: [], most: 0, stopped: false };
  const turn = ({ t_ns: now, t0_ns: t0 }) => {
    const stage = t0 === null ? 0 : Math.floor((now - t0) / 1e9 / stage_s);
    if (stage % 2 === 1 && !watch.attached.length && !watch.stopped) {
      watch.attached = Array.from({ length: READERS }, () => readEvents(port));
      Promise.all(watch.attached.map(({ listening }) => listening)).then((all) => {
        watch.most = Math.max(watch.most, all.filter(Boolean).length);
      });
    } else if (stage % 2 === 0) {
      for (const { leave } of watch.attached.splice(0)) leave();
    }
  };
  const begin = async () => {
    for (let tries = 0; tries < 600 && !watch.stopped; tries++) {
      watch.observer = readEvents(port, turn);
      if (await watch.observer.listening) return;
      await sleep(50);
    }
  };
  begin();
  watch.stop = () => {
    watch.stopped = true;
    for (const { leave } of [...watch.attached, watch.observer]) leave();
  };
  return watch;
}

export async function readers(bench) {
  const stage_s = bench.quick ? 2 : 5;
  const pairs = bench.quick ? 3 : 6;
  const stages = Array.from({ length: 2 * pairs }, () => ({ rate: RATE, duration: `${stage_s}s` }));
  const scenario = bench.scenario('readers', { behaviors: [{ name: 'echo', loop: ECHO.loop }],
    load: { connections: CONNECTIONS, warmup: '0s', stages } });
  const port = await freePort();
  await against(SERVERS.ours(), async (to) => {
    const watch = watchInTurns(port, stage_s);
    try {
      const { result } = await CLIENTS.ours(to, scenario, { out: bench.file('readers.json'),
        args: ['--listen', `127.0.0.1:${port}`] });
      if (watch.most < READERS) throw new Failure(`only ${watch.most} readers were attached`);
      const lags = result.stages.map(({ latency_ns: latency }) => Number(latency.send_lag.p99));
      const ratios = Array.from({ length: pairs }, (_, i) => lags[2 * i + 1] / lags[2 * i]);
      const us = (list) => (median(list) / 1000).toFixed(0);
      bench.samples.push({ part: bench.part, group: 'send_lag p99', name: `${READERS} readers`,
        runs: lags.map((ns) => ({ ns })) });
      bench.row('-', `send_lag p99 with ${READERS} readers of the live page, to without`,
        `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}..` +
        `${Math.max(...ratios).toFixed(2)}); ${us(lags.filter((_, i) => i % 2 === 1))} us, ` +
        `${us(lags.filter((_, i) => i % 2 === 0))} us without`, null, { value: median(ratios) });
    } finally {
      watch.stop();
    }
  });
}
