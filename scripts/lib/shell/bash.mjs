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

function functionOf({ name, options, others }, called) {
  const id = `_dummyload_of_${name.replace(/\W/g, '_')}`;
  const taking = options.filter(({ value }) => value !== null);
  const cases = taking.map((option) => `    ${spelled(option).join(' | ')})
        ${completion(option.value)}
        return
        ;;
`);
  return `${id}()
{
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
        ${completion(others)}
    fi
}
complete -F ${id} ${called.join(' ')}
`;
}

/** commands: [{ command, called: [how it may be called] }]. */
export function bashCompletion(commands) {
  return [HELPERS, ...commands.map(({ command, called }) => functionOf(command, called))]
    .join('\n');
}
