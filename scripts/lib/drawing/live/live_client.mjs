// Runs in the live page: listens to the records of the run (/events), and shows how it stands.

import { formatCount } from '../../base/format.mjs';
import { chartHeight, LIVE_CHARTS } from '../charts/index.mjs';
import { addBox, refreshBoxes, startBoxes } from '../page/boxes.mjs';
import { startControl, stopControl } from './control.mjs';
import { isPaused, liveServer, liveTables, liveTiles, liveVerdicts, phaseWords }
  from './panels.mjs';
import { addEnd, addRecord, makeLive } from './series.mjs';
import { openStream } from './stream.mjs';
import { makeLiveView } from './view.mjs';

const SHOW_EVERY_MS = 60;
const SHOW_SHARE = 4; // so many times as long as drawing takes is left for others

const live = makeLive();
const at = (id) => document.getElementById(id);
/** A run that wants one prints its address with it. */
const token = new URLSearchParams(window.location.search).get('token');
const query = token === null ? '' : `?token=${encodeURIComponent(token)}`;
let runId; // of the run that the stream is about
let plan = null;
let view = null;
/** Where the server that is tested serves its own figures; null: nobody said. */
let server = null;
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
  at('control').classList.toggle('paused', isPaused(live));
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
  view = makeLiveView(live, plan, server?.live);
  showPhase();
  setHtml('verdicts', liveVerdicts(live, plan, server?.live));
  setHtml('tiles', liveTiles(live));
  setHtml('server', server ? liveServer(server) : '');
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

/** The server's side: beside the run, and no harm to it where it is not there. */
function watchServer(url) {
  if (url === (server?.url ?? null)) return;
  server?.stream.stop();
  server = null;
  if (url === null) return;
  const address = new URL('events', url);
  // Whoever opened this page knows that machine by another name than "all of my addresses".
  if (/^(0\.0\.0\.0|\[::\])$/.test(address.hostname)) address.hostname = location.hostname;
  address.search = new URL(url).search;
  const own = { url, place: address.host, live: makeLive(), state: 'not there yet' };
  const tell = (state) => {
    own.state = state;
    showSoon();
  };
  own.stream = openStream(address.href, {
    run: () => {},
    record: (record) => {
      addRecord(own.live, record);
      tell(own.live.ended ? 'ended' : 'live');
    },
    end: () => tell('ended'),
    lost: () => tell(own.live.last ? 'connection lost, trying again' : 'not there yet'),
    isOver: () => own.live.ended || live.ended,
  });
  server = own;
}

/** The first event of a stream: what the run allows. */
function takeRun(run) {
  // The next run on this port has a plan of its own.
  const isNext = run.run_id !== runId;
  runId = run.run_id;
  if (run.program === 'dummyserver') {
    // It has no plan to be called by, and no response times.
    at('name').textContent = run.program;
    document.querySelectorAll('.of-load').forEach((part) => part.remove());
  } else if (isNext) {
    readPlan();
  }
  watchServer(run.server ?? null);
  if (run.control && !live.ended) startControl(at('control'), token);
}

function takeRecord(record) {
  addRecord(live, record);
  setLink('live', live.ended ? 'ended' : 'live');
  showSoon();
}

/** What became of the run: nothing comes after it. */
function takeEnd(end) {
  addEnd(live, end);
  setLink('live', 'ended');
  showSoon();
}

function sayLost() {
  setLink('lost', live.last ? 'connection lost, trying again' : 'waiting for the run');
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
const stream = openStream(`events${query}`, { run: takeRun, record: takeRecord, end: takeEnd,
  lost: sayLost, isOver: () => live.ended });
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  stream.look();
  server?.stream.look();
  showSoon();
});
window.addEventListener('online', () => {
  stream.open();
  server?.stream.open();
});
// For tests: what is known of the run.
window.dummyloadLive = live;
window.dummyloadServer = () => server;
