/** From the words of a command line to a command and its values. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { type Command, UsageError } from './command.ts';

const GLOBAL = {
  socket: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} satisfies ParseArgsConfig['options'];

export type Parsed =
  | { readonly ask: 'version' }
  /** Help with all commands, with a group's (`contact`), or with one. */
  | { readonly ask: 'help'; readonly about: readonly Command[] }
  | {
      readonly ask: 'run';
      readonly command: Command;
      readonly values: readonly string[];
      readonly flags: ReadonlySet<string>;
      readonly socket: string | undefined;
    };

/** What `argv` (without node and script) asks for. Throws `UsageError`. */
export function parseCommandLine(argv: readonly string[], commands: readonly Command[]): Parsed {
  const loose = parseArgs({ args: [...argv], options: GLOBAL, strict: false, allowPositionals: true });
  if (loose.values.version === true) return { ask: 'version' };
  const [first, second] = loose.positionals;
  const about = commands.filter((c) => c.name === first || c.name.split(' ')[0] === first);
  const named = (name: string) => about.find((c) => c.name === name);
  const command = named(`${first} ${second}`) ?? named(`${first}`);
  if (loose.values.help === true)
    return { ask: 'help', about: command ? [command] : about.length ? about : commands };
  if (first === undefined) throw new UsageError('No command is given; see nexus --help.');
  if (about.length === 0)
    throw new UsageError(`There is no command ${JSON.stringify(first)}; see nexus --help.`);
  if (!command)
    throw new UsageError(`After ${first} comes ${about.map((c) => c.name.split(' ')[1]).join(' or ')}.`);
  return { ask: 'run', command, ...strictly(argv, command) };
}

function strictly(argv: readonly string[], command: Command) {
  const flags = Object.fromEntries(Object.keys(command.flags).map((f) => [f, { type: 'boolean' as const }]));
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { ...GLOBAL, ...flags },
      allowPositionals: true,
    });
    const given = positionals.slice(command.name.split(' ').length);
    if (given.length !== command.parameters.length) throw new UsageError(wrongCount(command, given.length));
    const set = new Set(Object.keys(values).filter((name) => name in command.flags));
    return { values: given, flags: set, socket: values.socket };
  } catch (e) {
    if (e instanceof UsageError) throw e;
    const [sentence = ''] = (e as Error).message.split('. ');
    throw new UsageError(`${sentence}; see nexus ${command.name} --help.`);
  }
}

function wrongCount(command: Command, given: number): string {
  const quotes = given > command.parameters.length ? ' (put a text with spaces in quotes)' : '';
  const wanted = command.parameters.length === 0 ? 'nothing more' : command.parameters.join(' and ');
  return `nexus ${command.name} takes ${wanted}${quotes}; see nexus ${command.name} --help.`;
}
