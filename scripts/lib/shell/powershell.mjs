// Completions for PowerShell 5.1 and newer.

const quoted = (text) => `'${text.replace(/'/g, '\'\'')}'`;
const list = (words) => `@(${words.map(quoted).join(',\n        ')})`;
const spelled = ({ letter, name }) => [...letter ? [`-${letter}`] : [], `--${name}`];

/** What is offered for a value: 'WORD what it is'. Nothing: PowerShell offers files itself. */
const offered = (value) => (value?.kind === 'words'
  ? value.words.map(({ word, meaning }) => `${word} ${meaning ?? word}`) : []);

function blockOf({ command: { options, others }, called }) {
  const names = [...new Set(called.map((name) => name.replace(/^.*\//, '')))];
  const taking = options.filter(({ value }) => value !== null).flatMap((option) =>
    spelled(option).map((word) => `    $values[${quoted(word)}] = ${list(offered(option.value))}`));
  const all = options.flatMap((option) => spelled(option).map((word) =>
    `${word} ${option.about || word}`));
  return `$complete = {
    param($word, $line, $position)
    # -h and -H are two.
    $values = [System.Collections.Hashtable]::new([StringComparer]::Ordinal)
${taking.join('\n')}
    $options = ${list(all)}
    $others = ${list(offered(others))}
    $given = @($line.CommandElements | Where-Object { $_.Extent.EndOffset -lt $position } |
        ForEach-Object { $_.Extent.Text })
    $before = if ($given.Count -gt 1) { $given[-1] } else { '' }
    $lead = ''
    if ($word -cmatch '^(--[a-z-]+=)(.*)$') {
        $lead = $Matches[1]
        $before = $lead.TrimEnd('=')
        $word = $Matches[2]
    }
    $offered = if ($values.ContainsKey($before)) { $values[$before] }
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
