// What happened in several results, as one: pushes, marks, lost connections, the
// first failure of each step. begins: where each repeat begins in the sum's time; null where the
// results are of one run and lie beside each other.

import { addIntegers } from '../base/json.mjs';

const PUSHES_MAX = 64;

function sumOf(documents, key) {
  return documents.reduce((sum, document) => addIntegers(sum, document[key] ?? 0), 0);
}

/** By id; those beyond the most that a result lists join the others. */
function addPushes(documents) {
  const byId = new Map();
  for (const { id, count, bytes } of documents.flatMap(({ pushes = [] }) => pushes)) {
    const before = byId.get(String(id)) ?? { id, count: 0, bytes: 0 };
    byId.set(String(id), { id, count: addIntegers(before.count, count),
      bytes: addIntegers(before.bytes, bytes) });
  }
  const list = [...byId.values()].sort((a, b) => Number(b.count) - Number(a.count));
  const rest = list.slice(PUSHES_MAX);
  return { pushes: list.slice(0, PUSHES_MAX).sort((a, b) => Number(a.id) - Number(b.id)),
    pushes_other: rest.reduce((sum, { count }) => addIntegers(sum, count),
      sumOf(documents, 'pushes_other')) };
}

function addMarks(documents, begins) {
  const all = documents.flatMap(({ marks = [] }, i) => marks.map((mark) => (
    { ...mark, t_ns: mark.t_ns + (begins?.[i] ?? 0) })));
  const sums = new Map();
  for (const mark of all) {
    const name = `${mark.t_ns} ${mark.text}`;
    const before = sums.get(name);
    sums.set(name, before && mark.count !== undefined
      ? { ...mark, count: addIntegers(before.count ?? 1, mark.count) } : mark);
  }
  return [...sums.values()].sort((a, b) => a.t_ns - b.t_ns);
}

/** The earliest of those that the documents have; firstOf(document): its own, if any. */
function firstFailure(documents, begins, firstOf) {
  const all = documents.map((document, i) => [firstOf(document), begins?.[i] ?? 0])
    .filter(([first]) => first)
    .map(([first, begin]) => ({ ...first, at_ns: Number(first.at_ns) + begin }));
  return all.sort((a, b) => a.at_ns - b.at_ns)[0];
}

/** Puts it all into merged. */
export function mergeEvents(merged, documents, begins) {
  merged.abnormal_connections_total = sumOf(documents.map((document) => (
    { total: document.abnormal_connections_total ?? document.abnormal_connections?.length })),
  'total');
  if (merged.side !== 'client') return;
  if (documents.some(({ pushes }) => pushes)) Object.assign(merged, addPushes(documents));
  if (documents.some(({ marks }) => marks)) {
    merged.marks = addMarks(documents, begins);
    merged.marks_other = sumOf(documents, 'marks_other');
  }
  const put = (object, first) => {
    if (first) object.first_failure = first;
    else delete object.first_failure;
  };
  for (const step of merged.steps) {
    put(step, firstFailure(documents, begins, ({ steps = [] }) =>
      steps.find(({ name }) => name === step.name)?.first_failure));
  }
  for (const key of ['expects', 'framing', 'redirects', 'codec_errors', 'ends']) {
    const first = firstFailure(documents, begins, (document) => document[key]?.first_failure);
    if (first) merged[key] = { first_failure: first };
  }
}
