// Where the client finds the server that a script has started.

import { readJson } from '../base/file.mjs';
import { Failure } from '../base/process.mjs';

/** The scenario as data, for what the scripts must know of it; the client judges it. */
export function peekScenario(file) {
  try {
    return readJson(file);
  } catch {
    return {};
  }
}

/** The client's options for a server at this port. Of several targets with names it is the one
 *  that the scenario says ("server": { "target" }); the others have to run already. */
export function addressArguments(scenario, port) {
  const names = Array.isArray(scenario?.targets) ? [] : Object.keys(scenario?.targets ?? {});
  const name = scenario?.server?.target ?? (names.length === 1 ? names[0] : undefined);
  if (names.length > 1 && name === undefined) {
    throw new Failure(`the scenario has the targets ${names.join(', ')}: say under "server" ` +
      `which of them is started here, as in "server": { "target": "${names[0]}" }`, 2);
  }
  return name === undefined ? ['--host', '127.0.0.1', '--port', String(port)]
    : ['--target', `${name}=127.0.0.1:${port}`];
}
