// Connections that ended abnormally, by reason, and which of them the scenario itself reset: they
// are listed, but counted as no error. Pure.

/** [{ kind, count, own }] of those that are listed, the most frequent first; own: by the scenario
 *  itself. How many of those that are not listed were errors is not known. */
export function endingsByReason({ entries, total }, errors) {
  const kinds = new Map();
  for (const { reason } of entries) kinds.set(reason, (kinds.get(reason) ?? 0) + 1);
  return [...kinds].sort((a, b) => b[1] - a[1]).map(([kind, count]) => {
    const events = Number(errors?.[kind] ?? 0);
    const isTold = entries.length >= total || !events;
    return { kind, count, own: isTold ? Math.max(0, count - events) : 0 };
  });
}

/** How many connections a client lost: without those that its scenario reset. */
export function lostConnections({ totals, errors, abnormal_connections: entries = [] }) {
  const total = Number(totals.connections_abnormal ?? entries.length);
  const own = endingsByReason({ entries, total }, errors).reduce((sum, one) => sum + one.own, 0);
  // Where no listed one is an error, those beyond the list's bound are none, either.
  return entries.length && own === entries.length ? 0 : total - own;
}
