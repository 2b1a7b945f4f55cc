// Manual pages (roff, man(7)) from a program's table of options.

const COLUMNS_MAX = 78;

/** What a page says beside its options. */
const PAGES = {
  dummyclient: {
    description: [
      'dummyclient opens connections to a TCP server, sends what a scenario says, and checks ' +
        'what comes back. Latency counts from the moment a request was due, and a request that ' +
        'was never answered stays in the statistics. It prints a summary, and writes the whole ' +
        'result as JSON with --out.',
      'A scenario is one JSON file: framing, load, behaviors and thresholds. Options override ' +
        'the load that it says. With - it is read from standard input.',
      'In its place a URL (redis, rediss, http, https, ws, wss, tcp, tls) plays a scenario that ' +
        'is made of it: 50 connections, 10 s, a closed loop unless --rate is given; ' +
        '--print-scenario prints it. dummyclient init asks some questions and writes a scenario ' +
        'of one\'s own; dummyclient init --help says how.',
    ],
    examples: [
      ['dummyserver --out server.json', 'A server to try it with, on port 7777 of 127.0.0.1.'],
      ['dummyclient redis://127.0.0.1:6379', 'As many PING as that server answers.'],
      ['dummyclient tcp://127.0.0.1:7000 --send PING -r 500', 'A server of text lines.'],
      ['dummyclient SCENARIO.json --check', 'What would be played; nothing is connected to.'],
      ['dummyclient SCENARIO.json -c 2000 -r 5000 -d 30s --out client.json',
        '5000 iterations per second over 2000 connections for 30 seconds.'],
      ['dummyclient SCENARIO.json --threshold \'latency.response.p99 < 20ms\'',
        'Exit status 99 if it does not hold.'],
    ],
    also: ['dummyserver'],
  },
  dummyserver: {
    description: [
      'dummyserver serves TCP connections with the socket model and the handler that it is told, ' +
        'and counts every connection, message and byte, so that both sides of a run can be ' +
        'compared. It is a test tool: it listens on 127.0.0.1 unless --bind says otherwise, and ' +
        'has no login.',
    ],
    examples: [
      ['dummyserver --port 7777 --out server.json', 'The result is written when Ctrl+C ends it.'],
      ['dummyserver --handler chat --model epoll', 'Another handler, another socket model.'],
    ],
    also: ['dummyclient'],
  },
};

/** Text for roff: nothing in it is a request or an escape, and the dashes of options stay. */
function roff(text) {
  const safe = text.replace(/\\/g, '\\e').replace(/(^|[\s("'/,])(--?)(?=[a-zA-Z])/g,
    (_, before, dashes) => `${before}${dashes.replace(/-/g, '\\-')}`)
    .replace(/(?<=\\-[a-z]*)-/g, '\\-');
  return safe.split('\n').map((line) => (/^[.']/.test(line) ? `\\&${line}` : line)).join('\n');
}

/** Lines of at most COLUMNS_MAX; a sentence begins a new one, as roff likes it. */
function sentences(text) {
  const lines = [''];
  for (const word of roff(text.replace(/\s+/g, ' ').trim()).split(' ')) {
    const last = lines.at(-1);
    const ends = /[.:;!?]["')]?$/.test(last) && /^[A-Z]/.test(word);
    if (!ends && last.length + 1 + word.length <= COLUMNS_MAX) {
      lines[lines.length - 1] = last ? `${last} ${word}` : word;
    } else {
      lines.push(/^[.']/.test(word) ? `\\&${word}` : word);
    }
  }
  return lines.join('\n');
}

const bold = (text) => `\\fB${roff(text).replace(/(?<!\\)-/g, '\\-')}\\fR`;
const italic = (text) => `\\fI${roff(text)}\\fR`;

/** Lines that begin with a word and a colon are the rows of a list. */
const helpLines = (help) => help.split(/\n(?=[a-z]+: )/).map(sentences).join('\n.br\n');

function optionText(option) {
  const { section, letter, name, argument, help, help_lists_choices: listed, choices } = option;
  if (section) return `.SS ${roff(section)}`;
  const names = [...letter ? [`-${letter}`] : [], `--${name}`].map(bold).join(', ');
  const list = listed ? choices.flatMap(({ word, meaning }) => ['.br', `${bold(word)}: ${
    sentences(meaning)}`]) : [];
  return ['.TP', `${names}${argument ? ` ${italic(argument)}` : ''}`, helpLines(help), ...list]
    .join('\n');
}

const exitText = (text) => text.replace(/^Exit status: /, '').replace(/\.$/, '').split(/;\s+/)
  .map((item) => {
    const [, code, meaning] = /^(\d+)\s+([^]*)$/.exec(item);
    return `.TP\n.B ${code}\n${sentences(meaning)}`;
  }).join('\n');

const synopsisOf = (table) => table.usage.split('\n\n')[0].split('\n').map((line) =>
  line.trim().split(' ').map((word, i) => (i < table.program.split(' ').length ? bold(word)
    : word.replace(/[A-Za-z]+/g, (letters) => `\\fI${letters}\\fR`))).join(' ')).join('\n.br\n');

/** What a word that begins another command line does, and its options. */
const commandText = (table) => [`.SH ${table.program.toUpperCase()}`, synopsisOf(table), '.PP',
  `${sentences(`It ${table.summary}.`)}`, ...table.options.map(optionText)].join('\n');

/** The page. date: as YYYY-MM-DD. */
export function manPage(table, { version, date }) {
  const { description, examples, also } = PAGES[table.program];
  const notes = table.notes.split('\n\n');
  const exit = notes.find((note) => note.startsWith('Exit status: '));
  return `${[
    `.TH ${table.program.toUpperCase()} 1 ${date} "Dummyload ${version}" "User Commands"`,
    '.SH NAME', `${table.program} \\- ${roff(table.summary)}`,
    '.SH SYNOPSIS', synopsisOf(table),
    '.SH DESCRIPTION', description.map(sentences).join('\n.PP\n'),
    '.SH OPTIONS', ...table.options.map(optionText), ...table.commands.map(commandText),
    '.SH NOTES', notes.filter((note) => note !== exit).map(sentences).join('\n.PP\n'),
    '.SH EXIT STATUS', exitText(exit),
    '.SH EXAMPLES', ...examples.map(([line, what]) =>
      `.TP\n${bold(line)}\n${sentences(what)}`),
    '.SH SEE ALSO', also.map((name) => `.BR ${name} (1)`).join(',\n'),
  ].join('\n')}\n`;
}
