// Completions for bash 4 and newer.

const quoted = (words) => `'${words.join(' ')}'`;

/** What fills COMPREPLY with values of a kind. */
function completion(value) {
  switch (value?.kind) {
    case 'words': return `_dummyload_words ${quoted(value.words.map(({ word }) => word))}`;
    case 'file': return '_dummyload_files';
    case 'folder': return '_dummyload_folders';
    case 'scenario': return '_dummyload_scenarios';
    default: return ':';
  }
}

const spelled = ({ letter, name }) => [...letter ? [`-${letter}`] : [], `--${name}`];

const HELPERS = `_dummyload_words()
{
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word")
}

_dummyload_files()
{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
}

_dummyload_folders()
{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -d -- "$word")
}

_dummyload_scenarios()
{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -X '!*.json' -- "$word"; compgen -d -- "$word")
}
`;

const idOf = (name) => `_dummyload_of_${name.replace(/\W/g, '_')}`;

/** A word that begins another command line hands over to its function. */
const handOver = ({ word, command }) => `
    if [[ \${COMP_WORDS[1]} == ${word} && $COMP_CWORD -gt 1 ]]; then
        ${idOf(command.name)}
        return
    fi`;

const offerFirst = ({ word }) => `
        [[ $COMP_CWORD -eq 1 && ${word} == "$word"* ]] && COMPREPLY+=(${word})`;

function functionOf({ name, options, others, commands }) {
  const taking = options.filter(({ value }) => value !== null);
  const cases = taking.map((option) => `    ${spelled(option).join(' | ')})
        ${completion(option.value)}
        ${option.value.optional ? '[[ $word && ${#COMPREPLY[@]} -gt 0 ]] && return' : 'return'}
        ;;
`);
  return `${commands.map(({ command }) => `${functionOf(command)}\n`).join('')}${idOf(name)}()
{${commands.map(handOver).join('')}
    local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
    # --name=VALUE is three words.
    if [[ $word == '=' ]]; then
        word=
    elif [[ $before == '=' ]]; then
        before=\${COMP_WORDS[COMP_CWORD - 2]}
    fi
    COMPREPLY=()
    case $before in
${cases.join('')}    esac
    if [[ $word == -* ]]; then
        _dummyload_words ${quoted(options.flatMap(spelled))}
    else
        local offered=("\${COMPREPLY[@]}")
        COMPREPLY=()
        ${completion(others)}
        COMPREPLY+=("\${offered[@]}")${commands.map(offerFirst).join('')}
    fi
    return 0
}
`;
}

/** commands: [{ command, called: [how it may be called] }]. */
export function bashCompletion(commands) {
  return [HELPERS, ...commands.map(({ command, called }) =>
    `${functionOf(command)}complete -F ${idOf(command.name)} ${called.join(' ')}\n`)].join('\n');
}
