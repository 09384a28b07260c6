import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../src/cli/arguments.ts';
import { type Command, UsageError } from '../../src/cli/command.ts';
import { COMMANDS } from '../../src/cli/run.ts';

const parse = (...argv: string[]) => parseCommandLine(argv, COMMANDS);

function running(...argv: string[]) {
  const parsed = parse(...argv);
  if (parsed.ask !== 'run') throw new Error(`asks for ${parsed.ask}`);
  return { ...parsed, command: parsed.command.name, flags: [...parsed.flags] };
}

function wrong(...argv: string[]): string {
  try {
    parse(...argv);
  } catch (e) {
    if (e instanceof UsageError) return e.message;
    throw e;
  }
  throw new Error('was accepted');
}

describe('the command line', () => {
  test('a command with values and flags, in any order', () => {
    const wanted = { command: 'send', values: ['B', 'hello there'], flags: ['wait'], socket: '/tmp/s' };
    expect(running('send', 'B', 'hello there', '--wait', '--socket', '/tmp/s')).toMatchObject(wanted);
    expect(running('--socket=/tmp/s', 'send', '--wait', 'B', 'hello there')).toMatchObject(wanted);
  });

  test('a text that begins with a dash goes after --; a lone dash is a value', () => {
    expect(running('send', 'B', '--', '--wait').values).toEqual(['B', '--wait']);
    expect(running('send', 'B', '-').values).toEqual(['B', '-']);
  });

  test('commands of two words', () => {
    expect(running('contact', 'add', 'B', 'nxs1abc')).toMatchObject({
      command: 'contact add',
      values: ['B', 'nxs1abc'],
    });
    expect(running('config', 'check', 'f.toml')).toMatchObject({
      command: 'config check',
      values: ['f.toml'],
    });
  });

  test('a command of one word may have another of two beside it', () => {
    expect(running('inbox')).toMatchObject({ command: 'inbox', values: [] });
    expect(running('inbox', 'remove', '0a')).toMatchObject({ command: 'inbox remove', values: ['0a'] });
  });

  test('an empty text is a value', () => {
    expect(running('send', 'B', '').values).toEqual(['B', '']);
  });

  const names = (commands: readonly Command[]) => commands.map((c) => c.name);

  test('--help for everything, for a group, for a command, before or after', () => {
    const about = (...argv: string[]) => {
      const parsed = parse(...argv);
      return parsed.ask === 'help' ? names(parsed.about) : parsed.ask;
    };
    expect(about('--help')).toEqual(names(COMMANDS));
    expect(about('contact', '-h')).toEqual(['contact add', 'contact list', 'contact remove']);
    expect(about('send', '--help')).toEqual(['send']);
    expect(about('--help', 'send')).toEqual(['send']);
    expect(parse('--version')).toEqual({ ask: 'version' });
  });

  test.each<[string, string[], RegExp]>([
    ['no command', [], /^No command is given; see nexus --help\.$/],
    ['an unknown command', ['sned'], /^There is no command "sned"/],
    ['half a command', ['contact'], /^After contact comes add or list or remove\.$/],
    ['the wrong half', ['contact', 'ad'], /^After contact comes/],
    ['too few values', ['send', 'B'], /^nexus send takes TO and TEXT; see nexus send --help\.$/],
    ['a text without quotes', ['send', 'B', 'hello', 'there'], /put a text with spaces in quotes/],
    ['values where none belong', ['status', 'x'], /^nexus status takes nothing more/],
    ['an unknown flag', ['status', '--jsno'], /'--jsno'.*; see nexus status --help\.$/],
    ['a flag of another command', ['status', '--wait'], /'--wait'/],
    ['a flag with a value', ['status', '--json=yes'], /--json/],
    ['no value for --socket', ['status', '--socket'], /--socket/],
  ])('%s is refused in one sentence', (_what, argv, sentence) => {
    expect(wrong(...argv)).toMatch(sentence);
    expect(wrong(...argv)).not.toContain('\n');
  });
});
