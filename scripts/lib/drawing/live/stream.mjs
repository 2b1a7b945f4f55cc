// Runs in the live page: the records of one program (/events), taken up again when they stop.

/** A run says something every second: longer than this, and the connection is taken for dead (a lid
 *  that was closed leaves one that says nothing at all). */
const SILENCE_MS = 6000;
const AGAIN_MS = 1000;

/** Reads the events at an address. on: { run(one), record(one), end(one): what has come; lost(): it
 *  has stopped, and is asked again; isOver(): nothing more is to come, so that it is not }. Returns
 *  { look(): is it dead?, open(): anew, stop() }. */
export function openStream(address, on) {
  let source = null;
  let heard_ms = 0;
  let stopped = false;
  let timer = null;
  const take = (what) => ({ data }) => {
    let one;
    try { one = JSON.parse(data); } catch { return; }
    heard_ms = Date.now();
    what(one);
  };
  const stop = () => {
    stopped = true;
    clearInterval(timer);
    source?.close();
  };
  const isOver = () => {
    if (!stopped && on.isOver()) stop();
    return stopped;
  };
  const open = () => {
    if (stopped) return;
    source?.close();
    heard_ms = Date.now();
    source = new EventSource(address);
    source.onmessage = take(on.record);
    source.addEventListener('run', take(on.run));
    source.addEventListener('end', take((end) => {
      stop();
      on.end(end);
    }));
    source.onopen = () => { heard_ms = Date.now(); };
    source.onerror = () => {
      // The program that served it may be gone.
      if (isOver()) return;
      on.lost();
      // A browser gives up where the answer was no stream: this asks on.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, AGAIN_MS);
    };
  };
  const look = () => {
    if (Date.now() - heard_ms < SILENCE_MS || isOver()) return;
    on.lost();
    open();
  };
  timer = setInterval(look, AGAIN_MS);
  open();
  return { look, open, stop };
}
