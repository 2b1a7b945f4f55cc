// Did the server of a run serve its players at all? What cannot be told by a latency: a server that
// drops, refuses or never answers has none. Pure.

import { lostConnections } from '../results/endings.mjs';
import { serverEndLine } from '../results/server_end.mjs';

const MOST = 0.5;

const count = (value) => Number(value ?? 0);
const percent = (share) => `${Math.round(share * 100)}%`;

/** Shares of what failed: { refused, lost, unready, unanswered, wrong }; null where there was
 *  nothing to fail. What this machine's own limits prevented does not count against the server, nor
 *  do answers that the client missed because it stood still. */
function sharesOf(client) {
  const { totals, errors, ready, validity } = client;
  const share = (part, whole) => (whole > 0 ? Math.max(0, part) / whole : null);
  const attempted = count(totals.connects_attempted) - count(errors.local_limit);
  const ok = count(totals.connects_ok);
  const asked = count(totals.requests) - count(totals.requests_cut);
  const looked = validity.limited_by !== 'client';
  return { refused: share(attempted - ok, attempted),
    unready: ready && looked
      ? share(count(ready.wanted) - count(errors.local_limit) - count(ready.ready),
        count(ready.wanted)) : null,
    lost: share(lostConnections(client), ok),
    unanswered: looked ? share(asked - count(totals.responses), asked) : null,
    wrong: share(count(errors.mismatch), count(totals.requests)) };
}

/** Requests that had no answer when the run ended; 0 where the client itself may have missed it. */
export function cutOf({ client: { totals, validity } }) {
  return validity.limited_by === 'client' ? 0 : count(totals.requests_cut);
}

/** How a run was served: { failed, share }. failed: why the server cannot be said to have served
 *  its players, null when it did; share: of them, or of what they asked for, what was failed.
 *  needed: whether answers belong to this test (another server gave some). */
export function serviceOf({ client, watched }, needed = true) {
  const { totals } = client;
  const { refused, lost, unready, unanswered, wrong } = sharesOf(client);
  // What has no whole is null, which counts as 0 here.
  const share = Math.max(refused, lost, unready, wrong, needed ? unanswered : 0);
  const failed = (text) => ({ failed: text, share });
  if (watched?.end && !watched.end.ok) return failed(serverEndLine(watched.end));
  if (refused === 1) return failed('no connection was accepted');
  if (refused >= MOST) return failed(`${percent(refused)} of the connections could not be made`);
  if (lost >= MOST) return failed(`${percent(lost)} of the connections were dropped`);
  if (unready >= MOST) return failed(`${percent(unready)} of the players were never ready`);
  if (wrong >= MOST) return failed(`${percent(wrong)} of the requests got a wrong answer`);
  // A client that stood still may have missed the answers itself.
  const asked = count(totals.requests) > 0 || count(client.rate?.intended) > 0;
  if (needed && asked && !count(totals.responses) && client.validity.limited_by !== 'client') {
    return failed('no request was answered');
  }
  return { failed: null, share };
}

/** Which of two runs ({ a, b }) failed its players: "a", "b", "both", or null. */
export function failedSide(runs) {
  const needed = [runs.a, runs.b].some(({ client }) => count(client.totals.responses) > 0);
  const failed = ['a', 'b'].filter((side) => serviceOf(runs[side], needed).failed !== null);
  return failed.length === 2 ? 'both' : failed[0] ?? null;
}
