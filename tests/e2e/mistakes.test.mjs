// Wrong scenarios: one line for each mistake, word by word (mistakes.txt).

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileFor, folderFor, LIMIT, programCall, ROOT, WINDOWS } from './harness.mjs';

/** [{ bytes, lines }]: the files, and what is to be said about them. */
function cases() {
  const list = [];
  const text = fs.readFileSync(path.join(ROOT, 'tests', 'e2e', 'mistakes.txt'), 'utf8');
  for (const line of text.split('\n').slice(text.split('\n').indexOf(''))) {
    if (line.startsWith('    ')) {
      list.at(-1).lines.push(line.trim());
    } else if (line !== '' && !line.startsWith('#')) {
      const bytes = line.startsWith('"') ? Buffer.from(JSON.parse(line), 'latin1')
        : Buffer.from(line);
      list.push({ bytes, lines: [] });
    }
  }
  return list;
}

test('wrong scenarios: one line says what, where, and what was expected', LIMIT, (t) => {
  const all = cases();
  assert.ok(all.length >= 150, `${all.length} scenarios`);
  const file = path.join(folderFor(t), 's.json');
  const call = programCall('dummyclient');
  // The reader is the same; a process of Wine takes long.
  for (const { bytes, lines } of all.filter((one, i) => !WINDOWS || i % 20 === 0)) {
    fs.writeFileSync(file, bytes);
    const said = spawnSync(call.command, [...call.args, '--check', fileFor(file)],
      { encoding: 'utf8', env: { ...process.env, ...call.env } });
    const found = said.stderr.split(/\r?\n/).filter(Boolean)
      .map((line) => line.replaceAll(fileFor(file), 'FILE'));
    assert.deepEqual(found, lines, bytes.toString());
    assert.equal(said.status, lines.length ? 2 : 0, bytes.toString());
  }
});
