// Did the server of a run serve its players at all? What cannot be told by a latency: a server that
// drops, refuses or answers nobody has none. Pure.

import { serverEndLine } from './server_end.mjs';

const MOST = 0.5;

const count = (value) => Number(value ?? 0);
const percent = (share) => `${Math.round(share * 100)}%`;

/** Shares of what failed: { refused, lost, unready, unanswered }, each of its own whole, null
 *  without one. What this machine's own limits prevented is not the server's. */
function sharesOf({ totals, errors, ready, validity }) {
  const share = (part, whole) => (whole > 0 ? Math.max(0, part) / whole : null);
  const attempted = count(totals.connects_attempted) - count(errors.local_limit);
  const ok = count(totals.connects_ok);
  const asked = count(totals.requests) - count(totals.requests_cut);
  return { refused: share(attempted - ok, attempted),
    unready: ready && validity.limited_by !== 'client'
      ? share(count(ready.wanted) - count(errors.local_limit) - count(ready.ready),
        count(ready.wanted)) : null,
    lost: share(count(totals.connections_abnormal), ok),
    unanswered: share(asked - count(totals.responses), asked) };
}

/** How a run was served: { failed, share }. failed: why the server cannot be said to have served
 *  its players, null when it did; share: of them, or of what they asked for, what was failed.
 *  needed: whether answers belong to this test (another server gave some). */
export function serviceOf({ client, watched }, needed = true) {
  const { totals } = client;
  const { refused, lost, unready, unanswered } = sharesOf(client);
  const share = Math.max(refused ?? 0, lost ?? 0, unready ?? 0, needed ? unanswered ?? 0 : 0);
  const failed = (text) => ({ failed: text, share });
  if (watched?.end && !watched.end.ok) return failed(serverEndLine(watched.end));
  if (refused === 1) return failed('no connection was accepted');
  if ((refused ?? 0) >= MOST) return failed(`${percent(refused)} of the connections were refused`);
  if ((lost ?? 0) >= MOST) return failed(`${percent(lost)} of the connections were dropped`);
  if ((unready ?? 0) >= MOST) return failed(`${percent(unready)} of the players were never ready`);
  // A client that stood still may have missed the answers itself.
  const asked = count(totals.requests) > 0 || count(client.rate?.intended) > 0;
  if (needed && asked && !count(totals.responses) && client.validity.limited_by !== 'client') {
    return failed('nobody was answered');
  }
  return { failed: null, share };
}
