// Runs in the pages: draws each chart when it comes into view, keeps time axes together, switches
// between dark and light, prints on white.

import { THEMES } from '../charts/theme.mjs';

const PAPER_WIDTH = 760;

const dark = window.matchMedia('(prefers-color-scheme: dark)');
const drawn = new Map();
const boxes = [];
let optionOf = null; // of startBoxes()
let watcher = null;
let chosen = null;
let printing = false;

function themeNow() {
  if (printing) return THEMES.light;
  return THEMES[chosen ?? (dark.matches ? 'dark' : 'light')];
}

function optionFor(box) {
  const width = printing ? PAPER_WIDTH : box.clientWidth;
  const { chart, option } = optionOf(box, { ...themeNow(), width });
  // The line below a title ends with three dots where the window is narrow.
  Object.assign(option.title.subtextStyle, { width: width - 8, overflow: 'truncate' });
  return { chart, option };
}

function draw(box) {
  if (drawn.has(box) || box.clientWidth === 0) return;
  const instance = window.echarts.init(box, null, { renderer: 'canvas' });
  const { chart, option } = optionFor(box);
  instance.setOption(option);
  drawn.set(box, instance);
  if (chart.time) {
    // Time charts of one run zoom and point together.
    instance.group = `time-${box.dataset.run}`;
    window.echarts.connect(instance.group);
  }
}

/** Draws a chart anew; what the reader has chosen in it stays. */
function redraw(box, instance) {
  const kept = instance.getOption().dataZoom?.map(({ start, end }) => ({ start, end }));
  const selected = instance.getOption().legend?.[0]?.selected;
  const { option } = optionFor(box);
  option.dataZoom?.forEach((one, index) => Object.assign(one, kept?.[index]));
  if (selected && Object.keys(selected).length) option.legend.selected = selected;
  if (printing) {
    // Paper has nothing to click on.
    option.toolbox = { show: false };
    for (const zoom of option.dataZoom ?? []) zoom.show = false;
    option.grid.bottom = Math.min(option.grid.bottom, 48);
  }
  instance.setOption(option, true);
}

function redrawAll() {
  for (const [box, instance] of drawn) redraw(box, instance);
}

function resizeAll() {
  for (const [box, instance] of drawn) {
    // On paper all charts are as wide as the page, and their texts of one size.
    instance.resize({ width: printing ? PAPER_WIDTH : 'auto' });
    redraw(box, instance);
  }
}

/** A resize for each frame at most. */
let resizing = false;
function resizeSoon() {
  if (resizing) return;
  resizing = true;
  requestAnimationFrame(() => { resizing = false; resizeAll(); });
}

function setTheme(name) {
  chosen = name;
  document.documentElement.dataset.theme = name ?? '';
  redrawAll();
}

function tryStorage(action) {
  // Some browsers forbid storage on file://: the choice then lasts as long as the page.
  try { return action(); } catch { return null; }
}

function watchTheme() {
  const stored = tryStorage(() => window.localStorage.getItem('dummyload-theme'));
  if (stored === 'dark' || stored === 'light') setTheme(stored);
  document.getElementById('theme').addEventListener('click', () => {
    const next = themeNow().name === 'dark' ? 'light' : 'dark';
    tryStorage(() => window.localStorage.setItem('dummyload-theme', next));
    setTheme(next);
  });
  dark.addEventListener('change', () => { if (!chosen) redrawAll(); });
}

function watchPrinting() {
  let folds = [];
  window.addEventListener('beforeprint', () => {
    printing = true;
    // Paper cannot be clicked on: print all tables unfolded.
    folds = [...document.querySelectorAll('.charts details:not([open])')];
    for (const fold of folds) fold.open = true;
    document.documentElement.classList.add('printing');
    boxes.forEach(draw);
    redrawAll();
    resizeAll();
  });
  window.addEventListener('afterprint', () => {
    printing = false;
    for (const fold of folds) fold.open = false;
    document.documentElement.classList.remove('printing');
    redrawAll();
    resizeSoon();
  });
}

/** A chart's box that is in the page now. */
export function addBox(box) {
  boxes.push(box);
  watcher.observe(box);
}

/** Draws again those that can be seen now: their data has changed. */
export function refreshBoxes() {
  for (const [box, instance] of drawn) {
    const { top, bottom } = box.getBoundingClientRect();
    if (bottom > -300 && top < window.innerHeight + 300) redraw(box, instance);
  }
}

/** option(box, theme): { chart, option } of a chart's box. */
export function startBoxes(option) {
  optionOf = option;
  watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        draw(entry.target);
        if (drawn.has(entry.target)) watcher.unobserve(entry.target);
      }
    }
  }, { rootMargin: '300px' });
  document.querySelectorAll('.chart').forEach(addBox);
  watchTheme();
  watchPrinting();
  window.addEventListener('resize', resizeSoon);
  document.querySelectorAll('details').forEach((fold) => fold.addEventListener('toggle', () => {
    fold.querySelectorAll('.chart').forEach((box) => watcher.observe(box));
    resizeSoon();
  }));
  // For tests: the charts that are drawn, by name.
  window.dummyloadCharts = drawn;
}
