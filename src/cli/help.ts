/** What `--help` prints. */
import { DEFAULT_SOCKET } from '../api/types.ts';
import { type Command, EXIT } from './command.ts';
import { columns } from './format.ts';

/** `nexus send TO TEXT [--wait] [--json]` */
export function usage(command: Command): string {
  const flags = Object.keys(command.flags).map((f) => `[--${f}]`);
  return ['nexus', command.name, ...command.parameters, ...flags].join(' ');
}

/** Help with one command in full, or with several in a line each. */
export function help(about: readonly Command[]): string[] {
  const [only, ...others] = about;
  return only && others.length === 0 ? helpOne(only) : helpAll(about);
}

const OPTIONS = [
  ['  --socket PATH', `where nexusd listens (else $NEXUS_SOCKET, else ${DEFAULT_SOCKET})`],
  ['  --help', 'this text, also after a command'],
  ['  --version', 'the version'],
];

const EXIT_CODES = [
  [`  ${EXIT.ok}`, 'done'],
  [`  ${EXIT.failed}`, 'refused or failed, for instance a message that expired'],
  [`  ${EXIT.usage}`, 'the command line is wrong'],
  [`  ${EXIT.unreachable}`, 'nexusd cannot be reached'],
  [`  ${EXIT.cutOff}`, 'nexusd stopped in the middle of its answer: it may or may not be done'],
];

function helpAll(commands: readonly Command[]): string[] {
  return [
    'nexus: work the relay box through its daemon, nexusd',
    '',
    ...columns(commands.map((c) => [`  ${usage(c)}`, c.summary])),
    '',
    'Options',
    ...columns(OPTIONS),
    '',
    'Exit codes',
    ...columns(EXIT_CODES),
  ];
}

function helpOne(command: Command): string[] {
  const flags = Object.entries(command.flags).map(([name, what]) => [`  --${name}`, what]);
  return [
    `${usage(command)}`,
    '',
    `${command.summary[0]?.toUpperCase()}${command.summary.slice(1)}.`,
    ...(command.details === undefined ? [] : [command.details]),
    '',
    'Options',
    ...columns([...flags, ...OPTIONS]),
    '',
    'Exit codes',
    ...columns(EXIT_CODES),
  ];
}
