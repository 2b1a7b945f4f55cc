// Completions for fish.

const quoted = (text) => `'${text.replace(/[\\']/g, '\\$&')}'`;

function values(value) {
  switch (value?.kind) {
    case undefined: return '';
    case 'words': return `${value.optional ? '' : ' -x'} -a ${quoted(value.words.map(
      ({ word, meaning }) => (meaning ? `${word}\\t${quoted(meaning)}` : word)).join('\n'))}`;
    case 'file': return ' -r -F';
    case 'folder': return ' -x -a \'(__fish_complete_directories)\'';
    case 'scenario': return ' -x -a \'(__fish_complete_suffix .json)\'';
    default: return ' -x';
  }
}

/** by: how fish knows the command. */
function linesOf({ options, others, commands }, by) {
  const rest = commands.map(({ word }) => word).join(' ');
  const apart = rest ? `${by} -n 'not __fish_seen_subcommand_from ${rest}'` : by;
  const lines = options.flatMap(({ letter, name, value, about }) => {
    const short = letter ? ` -s ${letter}` : '';
    const text = about ? ` -d ${quoted(about)}` : '';
    const behind = value?.optional
      ? [`complete ${by} -n '__fish_prev_arg_in --${name}'${values(value)}`] : [];
    return [`complete ${apart}${short} -l ${name}${values(value)}${text}`, ...behind];
  });
  // Words that are no options: a command without any completes no files either.
  if (others?.kind === 'scenario') {
    lines.push(`complete ${apart} -k -a '(__fish_complete_suffix .json)'`);
  } else if (others?.kind === 'words') {
    lines.push(`complete ${apart} -f${values(others).replace(' -x', '')}`);
  } else if (!others) {
    lines.push(`complete ${apart} -f`);
  }
  for (const { word, about, command } of commands) {
    lines.push(`complete ${by} -n '__fish_is_first_arg' -a ${word} -d ${quoted(about)}`,
      linesOf(command, `${by} -n '__fish_seen_subcommand_from ${word}'`).trimEnd());
  }
  return `${lines.join('\n')}\n`;
}

/** commands: [{ command, called: [how it may be called] }]. */
export function fishCompletion(commands) {
  return commands.flatMap(({ command, called }) => called.map((name) => linesOf(command,
    name.includes('/') ? `-p '*/${name.replace(/^\.\//, '')}'` : `-c ${name}`))).join('\n');
}
