// When the entries of a result's series were, on the wall clock.

/** { start, end, begins: [], ends: [] } in nanoseconds since 1970, as BigInt. */
export function seriesTimes({ run, series = [] }) {
  const start = BigInt(Math.max(0, Date.parse(run.started_utc) || 0)) * 1000000n;
  const at = (t_ns) => start + BigInt(Math.round(Number(t_ns)));
  const end = at(run.duration_ns);
  const begins = series.map(({ t_ns: t }) => at(t));
  return { start, end, begins, ends: series.map((_, i) => begins[i + 1] ??
    (end > begins[i] ? end : begins[i] + 1n)) };
}
