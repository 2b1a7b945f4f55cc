// The scenarios that the guides show.

import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from './harness.mjs';

/** The scenario of a guide, whole: its first block that begins with a brace. */
export function scenarioOfGuide(name) {
  const text = fs.readFileSync(path.join(ROOT, 'scenarios', 'guides', `${name}.md`), 'utf8');
  return JSON.parse(/^ {4}\{\n(?: {4}.*\n)*? {4}\}\n/m.exec(text)[0]);
}
