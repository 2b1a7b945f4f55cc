// "did you mean ...?": the candidate nearest to a misspelled word, as shared/text/suggest.h has it.

/** Insertions, deletions, replacements and swaps of neighbours, no place edited twice. */
function distanceOf(a, b) {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    rows.push([i]);
    for (let j = 1; j <= b.length; j++) {
      let best = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      best = Math.min(best, rows[i - 1][j] + 1, rows[i][j - 1] + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, rows[i - 2][j - 2] + 1);
      }
      rows[i].push(best);
    }
  }
  return rows[a.length][b.length];
}

/** One of the candidates; null: none is near, which is more than a third of the word's letters. */
export function nearestWord(word, candidates) {
  const limit = word.length < 6 ? 1 : Math.floor(word.length / 3);
  let found = { near: null, distance: limit + 1 };
  for (const near of candidates) {
    const distance = distanceOf(word.toLowerCase(), near.toLowerCase());
    if (distance < found.distance) found = { near, distance };
  }
  return found.near;
}
