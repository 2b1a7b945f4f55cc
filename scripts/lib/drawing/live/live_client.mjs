// Runs in the live page: listens to the records of the run (/events), and shows how it stands.

import { formatCount } from '../../base/format.mjs';
import { chartHeight, LIVE_CHARTS } from '../charts/index.mjs';
import { addBox, refreshBoxes, startBoxes } from '../page/boxes.mjs';
import { startControl, stopControl } from './control.mjs';
import { liveTables, liveTiles, liveVerdicts, phaseWords } from './panels.mjs';
import { addEnd, addRecord, makeLive } from './series.mjs';
import { makeLiveView } from './view.mjs';

/** A run says something every second: longer than this, and the connection is taken for dead (a lid
 *  that was closed leaves one that says nothing at all). */
const SILENCE_MS = 6000;
const AGAIN_MS = 1000;
const SHOW_EVERY_MS = 60;
const SHOW_SHARE = 4; // so many times as long as drawing takes is left for others

const live = makeLive();
const at = (id) => document.getElementById(id);
/** A run that wants one prints its address with it. */
const token = new URLSearchParams(window.location.search).get('token');
const query = token === null ? '' : `?token=${encodeURIComponent(token)}`;
let runId = null; // of the run that the stream is about
let plan = null;
let view = null;
let source = null;
let heard_ms = Date.now();
let drawing = null; // the timer of the next time
let took_ms = 0; // the last time
let stale = false; // records have come that are not drawn

function setLink(state, text) {
  at('link').className = state;
  at('link').textContent = text;
}

/** Text that changes every second is written where it is different only: a selection stays. */
function setHtml(id, html) {
  const element = at(id);
  if (element.dataset.html === html) return;
  element.dataset.html = html;
  element.innerHTML = html;
}

function boxFor(chart) {
  const panel = document.createElement('div');
  panel.className = `panel${chart.wide ? ' wide' : ''}`;
  panel.innerHTML = `<div class="chart" data-chart="${chart.name}" data-run="0" style="height:` +
    `${chartHeight(chart, view)}px"></div>`;
  return panel;
}

/** Charts that have something to show now, in their order. */
function placeCharts() {
  const grid = at('charts');
  LIVE_CHARTS.forEach((chart) => {
    const there = grid.querySelector(`[data-chart="${chart.name}"]`);
    if (there || !chart.when(view)) return;
    const order = LIVE_CHARTS.indexOf(chart);
    const next = [...grid.children].find((panel) => LIVE_CHARTS.findIndex(({ name }) =>
      name === panel.firstChild.dataset.chart) > order);
    const panel = boxFor(chart);
    grid.insertBefore(panel, next ?? null);
    addBox(panel.firstChild);
  });
}

function showPhase() {
  const { word, text, share } = phaseWords(live);
  if (live.ended) stopControl(at('control'));
  at('phase').textContent = word;
  at('time').textContent = text;
  at('bar').hidden = share === null;
  at('bar').firstElementChild.style.width = `${((share ?? 0) * 100).toFixed(1)}%`;
  const name = plan?.scenario?.name ?? plan?.name ?? at('name').textContent;
  document.title = `${word} – ${name} – Dummyload`;
}

function show() {
  drawing = null;
  if (!stale || !live.last || document.hidden) return;
  stale = false;
  const began_ms = performance.now();
  view = makeLiveView(live, plan);
  showPhase();
  setHtml('verdicts', liveVerdicts(live, plan));
  setHtml('tiles', liveTiles(live));
  setHtml('tables', liveTables(live));
  placeCharts();
  refreshBoxes();
  took_ms = performance.now() - began_ms;
}

/** A history comes as many records: between two times there is time to take some. */
function showSoon() {
  stale = true;
  if (drawing !== null || document.hidden) return;
  drawing = setTimeout(show, Math.max(SHOW_EVERY_MS, SHOW_SHARE * took_ms));
}

function takeRecord({ data }) {
  let record;
  try { record = JSON.parse(data); } catch { return; }
  heard_ms = Date.now();
  addRecord(live, record);
  setLink('live', live.ended ? 'ended' : 'live');
  showSoon();
}

/** What became of the run: nothing comes after it. */
function takeEnd({ data }) {
  try { addEnd(live, JSON.parse(data)); } catch { return; }
  source.close();
  setLink('live', 'ended');
  showSoon();
}

/** The first event of a stream: what the run allows. */
function takeRun({ data }) {
  let run;
  try { run = JSON.parse(data); } catch { return; }
  // The next run on this port has a plan of its own.
  if (runId !== null && run.run_id !== runId) readPlan();
  runId = run.run_id ?? null;
  if (run.program === 'dummyserver') {
    // It has no plan to be called by, and no response times.
    at('name').textContent = run.program;
    document.querySelectorAll('.of-load').forEach((part) => part.remove());
  }
  if (run.control && !live.ended) startControl(at('control'), token);
}

function listen() {
  source?.close();
  heard_ms = Date.now();
  source = new EventSource(`events${query}`);
  source.onmessage = takeRecord;
  source.addEventListener('run', takeRun);
  source.addEventListener('end', takeEnd);
  source.onopen = () => { heard_ms = Date.now(); };
  source.onerror = () => {
    if (live.ended) {
      // The program that served it is gone.
      source.close();
      return;
    }
    setLink('lost', live.last ? 'connection lost, trying again' : 'waiting for the run');
    // A browser gives up where the answer was no stream: this asks on.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS);
  };
}

function watchSilence() {
  if (live.ended || Date.now() - heard_ms < SILENCE_MS) return;
  setLink('lost', 'connection lost, trying again');
  listen();
}

async function readPlan() {
  try {
    const answer = await fetch(`plan${query}`, { cache: 'no-store' });
    plan = answer.ok ? await answer.json() : null;
  } catch {
    plan = null;
  }
  if (!plan) return;
  at('control').classList.toggle('closed', plan.load?.loop === 'closed');
  const name = plan.scenario?.name ?? plan.name;
  if (name) at('name').textContent = name;
  const targets = plan.targets ?? [];
  at('what').textContent = [targets.length > 3 ? `${formatCount(targets.length)} targets`
    : targets.join(', '), plan.scenario?.description ?? ''].filter(Boolean).join(' · ');
  if (live.last) showSoon();
}

at('wait')?.remove();
startBoxes((box, theme) => {
  const chart = LIVE_CHARTS.find(({ name }) => name === box.dataset.chart);
  return { chart, option: chart.draw(view, theme) };
});
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  watchSilence();
  showSoon();
});
window.addEventListener('online', listen);
setInterval(watchSilence, AGAIN_MS);
readPlan();
listen();
// For tests: what is known of the run.
window.dummyloadLive = live;
