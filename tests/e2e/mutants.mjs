// Scenarios that are damaged in one place each, for schema.test.mjs: a key left out, misspelled or
// beside another, a value of another kind, a number beside each bound of the schema, a word of
// somewhere else, an array that is shorter or longer.

/** Every path that leads somewhere; not names of hosts, which are looked up. */
function* pathsOf(node, at = []) {
  if (at.length && at.at(-1) !== 'host') yield at;
  if (node && typeof node === 'object') {
    for (const key of Object.keys(node)) {
      yield* pathsOf(node[key], [...at, Array.isArray(node) ? Number(key) : key]);
    }
  }
}

/** What the schema says as bounds, counts, words and keys: where mistakes are made. */
function factsOf(schema) {
  const facts = { bounds: new Set([-1, 1.5, 1e30]), counts: new Set(), words: new Set() };
  const visit = (node) => {
    if (!node || typeof node !== 'object') return;
    for (const [key, value] of Object.entries(node)) {
      if (/^(exclusive)?(minimum|maximum)$/i.test(key)) {
        [value - 1, value, value + 1].forEach((bound) => facts.bounds.add(bound));
      } else if (/^m(in|ax)(Items|Properties)$/.test(key) && value <= 1000) {
        [value - 1, value, value + 1].forEach((count) => count >= 0 && facts.counts.add(count));
      } else if (key === 'enum' || key === 'const') {
        [value].flat().forEach((word) => facts.words.add(word));
      }
      visit(value);
    }
  };
  visit(schema);
  return { bounds: [...facts.bounds], counts: [...facts.counts], words: [...facts.words] };
}

const KINDS = [null, true, 0, 1, '', 'x', [], {}, ['x'], [{}], { a: 1 }];
const TEXTS = ['5', '500ms', '0s', '1000h', '5ns', '2/s', '0/s', '1e3/s', '01/s', '${conn}',
  '${nope}', '${conn', 'u8@0', 'i64be@99', 'dec@1', 'u24@0', 'u8@999999999', 'text@1', 'text@1:129',
  'a b', 'x'.repeat(64), 'x'.repeat(65), '00', '0', '0g', 'AQ==', 'AQ=', 'zero', '\r\n'];

function valuesFor(value, facts) {
  if (typeof value === 'number') return [...KINDS, ...facts.bounds, '5', '${conn}', '${conn + 1}'];
  if (typeof value === 'string') return [...KINDS, ...TEXTS, ...facts.words];
  if (Array.isArray(value) && value.length) {
    return [...KINDS, ...facts.counts.map((count) => Array(count).fill(value[0]))];
  }
  return KINDS;
}

/** Changes of one place: what is done to it, and document(), the changed one. */
export function* mutantsOf(base, schema) {
  const facts = factsOf(schema);
  for (const at of pathsOf(base)) {
    const change = (what, act) => ({
      what: `${at.join('.')} ${what}`,
      document: () => {
        const document = structuredClone(base);
        act(at.slice(0, -1).reduce((node, key) => node[key], document), at.at(-1));
        return document;
      },
    });
    const present = at.reduce((node, key) => node[key], base);
    for (const value of valuesFor(present, facts)) {
      const what = `= ${JSON.stringify(value).slice(0, 60)}`;
      yield change(what, (node, key) => { node[key] = value; });
    }
    if (typeof at.at(-1) === 'string') {
      yield change('misspelled', (node, key) => { node[`${key}s`] = node[key]; delete node[key]; });
      yield change('left out', (node, key) => { delete node[key]; });
      yield change('beside an unknown one', (node) => { node.zzzzzz = 1; });
      for (const other of ['think', 'field', 'text', 'times', 'equals', 'rate', 'target', 'id']) {
        yield change(`beside ${other}`, (node) => { node[other] ??= '1s'; });
      }
    } else {
      yield change('left out', (node, key) => { node.splice(key, 1); });
      yield change('twice', (node, key) => { node.splice(key, 0, node[key]); });
    }
  }
}
