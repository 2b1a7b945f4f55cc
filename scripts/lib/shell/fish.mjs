// Completions for fish.

const quoted = (text) => `'${text.replace(/[\\']/g, '\\$&')}'`;

function values(value) {
  switch (value?.kind) {
    case undefined: return '';
    case 'words': return ` -x -a ${quoted(value.words.map(({ word, meaning }) =>
      (meaning ? `${word}\\t${quoted(meaning)}` : word)).join('\n'))}`;
    case 'file': return ' -r -F';
    case 'folder': return ' -x -a \'(__fish_complete_directories)\'';
    case 'scenario': return ' -x -a \'(__fish_complete_suffix .json)\'';
    default: return ' -x';
  }
}

function linesOf({ options, others }, by) {
  const lines = options.map(({ letter, name, value, about }) => {
    const short = letter ? ` -s ${letter}` : '';
    const text = about ? ` -d ${quoted(about)}` : '';
    return `complete ${by}${short} -l ${name}${values(value)}${text}`;
  });
  // Words that are no options: a command without any completes no files either.
  if (others?.kind === 'scenario') {
    lines.push(`complete ${by} -k -a '(__fish_complete_suffix .json)'`);
  } else if (others?.kind === 'words') {
    lines.push(`complete ${by} -f${values(others).replace(' -x', '')}`);
  } else if (!others) {
    lines.push(`complete ${by} -f`);
  }
  return `${lines.join('\n')}\n`;
}

/** commands: [{ command, called: [how it may be called] }]. */
export function fishCompletion(commands) {
  return commands.flatMap(({ command, called }) => called.map((name) => linesOf(command,
    name.includes('/') ? `-p '*/${name.replace(/^\.\//, '')}'` : `-c ${name}`))).join('\n');
}
