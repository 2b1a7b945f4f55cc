// Completions for PowerShell 5.1 and newer.

const quoted = (text) => `'${text.replace(/'/g, '\'\'')}'`;
const list = (words) => `@(${words.map(quoted).join(',\n        ')})`;
const spelled = ({ letter, name }) => [...letter ? [`-${letter}`] : [], `--${name}`];

/** What is offered for a value: 'WORD what it is'. Nothing: PowerShell offers files itself. */
const offered = (value) => (value?.kind === 'words'
  ? value.words.map(({ word, meaning }) => `${word} ${meaning ?? word}`) : []);

/** The tables of a command, as they are filled in. */
function tablesOf({ options, others, commands }) {
  const taking = options.filter(({ value }) => value !== null).flatMap((option) =>
    spelled(option).map((word) => `    $values[${quoted(word)}] = ${list(offered(option.value))}`));
  const all = options.flatMap((option) => spelled(option).map((word) =>
    `${word} ${option.about || word}`));
  const first = commands.map(({ word, about }) => `${word} ${about}`);
  return `    # -h and -H are two.
    $values = [System.Collections.Hashtable]::new([StringComparer]::Ordinal)
${taking.join('\n')}
    $options = ${list(all)}
    $others = ${list(offered(others))}
    $first = ${list(first)}
`;
}

function blockOf({ command, called }) {
  const names = [...new Set(called.map((name) => name.replace(/^.*\//, '')))];
  return `$complete = {
    param($word, $line, $position)
    $given = @($line.CommandElements | Where-Object { $_.Extent.EndOffset -lt $position } |
        ForEach-Object { $_.Extent.Text })
    $second = if ($given.Count -gt 1) { $given[1] } else { '' }
${tablesOf(command)}${command.commands.map((one) => `    if ($second -ceq ${quoted(one.word)}) {
${tablesOf(one.command)}    }
`).join('')}    $before = if ($given.Count -gt 1) { $given[-1] } else { $others += $first; '' }
    $lead = ''
    if ($word -cmatch '^(--[a-z-]+=)(.*)$') {
        $lead = $Matches[1]
        $before = $lead.TrimEnd('=')
        $word = $Matches[2]
    }
    $offered = if ($values.ContainsKey($before) -and $word -notlike '-*') { $values[$before] }
    elseif ($word -like '-*') { $options }
    else { $others }
    foreach ($one in $offered) {
        $text, $about = $one -split ' ', 2
        if ($text.StartsWith($word, [StringComparison]::Ordinal)) {
            [System.Management.Automation.CompletionResult]::new($lead + $text, $text,
                'ParameterValue', $about)
        }
    }
}
Register-ArgumentCompleter -Native -CommandName ${names.map(quoted).join(', ')} \`
    -ScriptBlock $complete
`;
}

/** commands: [{ command, called: [how it may be called] }]. */
export function powershellCompletion(commands) {
  return commands.map(blockOf).join('\n');
}
