// The runs that one result is of: a run is one part; repeats that were added (scripts/merge, the
// sides of scripts/regress) follow one another in its time, and each is a part.

/** [{ from_ns, to_ns, t0_ns, started_utc }] of a result, in its own time; null when repeats were
 *  added by a version that did not keep where each begins. */
export function partsOf(result) {
  const { run, merged } = result;
  const end = Number(run.duration_ns);
  if (merged?.kind !== 'repeats') {
    return [{ from_ns: 0, to_ns: end, t0_ns: run.t0_ns, started_utc: run.started_utc }];
  }
  const from = merged.from ?? [];
  if (!from.length || !from.every((one) => Number.isFinite(one.begin_ns))) return null;
  return from.map((one, i) => ({ from_ns: one.begin_ns,
    to_ns: from[i + 1]?.begin_ns ?? Math.max(end, one.begin_ns + Number(one.duration_ns)),
    t0_ns: one.t0_ns, started_utc: one.started_utc }));
}

/** Neighbours as one, `fold` of them at a time. */
function foldEntries(entries, fold, join) {
  const folded = [];
  for (let i = 0; i < entries.length; i += fold) {
    folded.push(entries.slice(i, i + fold).reduce((sum, one) => ({ from: sum.from,
      entry: join(sum.entry, one.entry), span: sum.span + one.span })));
  }
  return folded;
}

/** Entries of a series with their lengths, part by part; a last sliver of a part joins its
 *  neighbour, or its rate would be noise. join(before, last): the entry of both; most: how many
 *  entries at the most, about: neighbours are joined for that. */
export function entriesOf(result, parts, join, most) {
  const series = result.series ?? [];
  const fold = Math.max(1, Math.ceil(series.length / most));
  return parts.flatMap((part) => {
    // What came to nothing is written at the very end, which may be where a second begins.
    const own = series.filter(({ t_ns: t }) => t >= part.from_ns &&
      (t < part.to_ns || part === parts.at(-1)));
    const entries = own.map((entry, i) => {
      const next = i + 1 < own.length ? own[i + 1].t_ns : Math.max(part.to_ns, entry.t_ns);
      return { entry, from: entry.t_ns, span: next - entry.t_ns };
    });
    const [before, last] = entries.slice(-2);
    if (last && last.span < before.span / 4) {
      entries.push(...foldEntries(entries.splice(-2), 2, join));
    }
    return foldEntries(entries.filter(({ span }) => span > 0), fold, join);
  });
}
