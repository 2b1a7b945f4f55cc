// Completions for zsh.

const plain = (text) => text.replace(/'/g, '\'\\\'\'');
const inBrackets = (text) => plain(text.replace(/[\\[\]:]/g, '\\$&'));

function action(value) {
  switch (value.kind) {
    case 'words': {
      const words = value.words.map(({ word, meaning }) => (meaning === null ? word
        : `${word}\\:"${plain(meaning.replace(/["\\$`:]/g, '\\$&'))}"`));
      return value.words.some(({ meaning }) => meaning) ? `((${words.join(' ')}))`
        : `(${words.join(' ')})`;
    }
    case 'file': return '_files';
    case 'folder': return '_files -/';
    case 'scenario': return '_files -g "*.json"';
    default: return ' ';
  }
}

function specOf({ letter, name, argument, value, about }) {
  const rest = value === null ? ''
    : `${value.optional ? '::' : ':'}${inBrackets(argument.replace(/[[\]'{}]/g, ''))}:${
      action(value)}`;
  const sign = value === null ? '' : '=';
  const names = letter ? `'*'{-${letter}${value === null ? '' : '+'},--${name}${sign}}`
    : `'*--${name}${sign}'`;
  return `        ${names}'[${inBrackets(about)}]${rest}'`;
}

const idOf = (name) => `_${name.replace(/\W/g, '_')}`;

const handOver = ({ word, command }) => `
    if (( CURRENT > 2 )) && [[ $words[2] == ${word} ]]; then
        shift words
        (( CURRENT-- ))
        ${idOf(command.name)}
        return
    fi`;

function functionOf({ name, options, others, commands }) {
  const of = others?.kind === 'scenario' ? 'scenario' : 'argument';
  const first = commands.length ? ` \\\n        '1: :_alternative "commands:command:((${
    commands.map(({ word, about }) => `${word}\\:${plain(about.replace(/["\\$`: ]/g, '\\$&'))}`)
      .join(' ')}))" "words:${of}:${action(others).replace(/"/g, '\\"')}"'` : '';
  const words = others ? `${first} \\\n        '*:${of}:${action(others)}'` : '';
  return `${commands.map(({ command }) => `${functionOf(command)}\n`).join('')}${idOf(name)}()
{${commands.map(handOver).join('')}
    _arguments -s -S : \\
${options.map(specOf).join(' \\\n')}${words}
}
`;
}

/** The file that zsh finds for a command by its name, _NAME. */
export function zshFile({ command, called }) {
  const id = idOf(command.name);
  return `#compdef ${called.join(' ')}

${functionOf(command)}
if [[ $funcstack[1] == ${id} ]]; then
    ${id} "$@"
else
    compdef ${id} ${called.join(' ')}
fi
`;
}

/** For eval: commands that are called by a path are known by its end. */
export function zshCompletion(commands) {
  return commands.map(({ command, called }) => `${functionOf(command)}${called.map((name) =>
    `compdef ${name.includes('/') ? '-p ' : ''}${idOf(command.name)} '${
      name.includes('/') ? name.replace(/^\.?\/?/, '*') : name}'`).join('\n')}
`).join('\n');
}
