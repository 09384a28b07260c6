import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.ts';
import { KEYS } from '../../src/config/schema.ts';
import { PersonError } from '../../src/core/errors.ts';

const FILE = '/etc/nexus/nexus.toml';

function refused(toml: string): string {
  try {
    parseConfig(toml, FILE);
  } catch (e) {
    if (e instanceof PersonError && e.code === 'config') return e.message;
    throw e;
  }
  throw new Error('was accepted');
}

describe('a configuration file', () => {
  test('may be empty: every key has a default', () => {
    const config = parseConfig('', FILE);
    expect(config.radio).toMatchObject({ board: 'detect', region: 'EU868', coding_rate: '4/5' });
    expect(config.messages.ttl_days).toBe(7);
    expect(config.log.level).toBe('info');
  });

  test('keeps what it says', () => {
    const config = parseConfig('[radio]\nboard = "sim"\nspreading_factor = 10\nsim.name = "A"\n', FILE);
    expect(config.radio).toMatchObject({ board: 'sim', spreading_factor: 10, sim: { name: 'A' } });
  });
});

describe('what is wrong is told with file, line, key and what would be right', () => {
  test.each([
    [
      'a mistyped key',
      '# radio\n[radio]\nspreading_faktor = 8\n',
      `${FILE}:3: there is no key radio.spreading_faktor; did you mean radio.spreading_factor?`,
    ],
    [
      'a key in the wrong table',
      '[messages]\nreserve_mb = 64\n',
      `${FILE}:2: there is no key messages.reserve_mb; did you mean store.reserve_mb?`,
    ],
    ['a mistyped table', '[raido]\nboard = "sim"\n', `${FILE}:1: there is no key raido; did you mean radio?`],
    ['a key like no other', '[log]\nx = 1\n', `${FILE}:2: there is no key log.x; there is log.level.`],
    [
      'a number in quotes',
      '[radio]\nspreading_factor = "8"\n',
      `${FILE}:2: radio.spreading_factor cannot be "8"; give a whole number from 7 to 12.`,
    ],
    [
      'a number out of range',
      '[radio]\nspreading_factor = 6\n',
      `${FILE}:2: radio.spreading_factor cannot be 6; give a whole number from 7 to 12.`,
    ],
    [
      'a bandwidth that the chip does not have',
      '[radio]\nbandwidth_khz = 200\n',
      `${FILE}:2: radio.bandwidth_khz cannot be 200; give 62.5, 125, 250 or 500.`,
    ],
    [
      'a word out of a list',
      'log.level = "verbose"\n',
      `${FILE}:1: log.level cannot be "verbose"; give "debug", "info", "warn" or "error".`,
    ],
    [
      'a value for a table',
      'radio = 868\n',
      `${FILE}:1: radio is a table: write [radio] on a line of its own.`,
    ],
    [
      'no number',
      '[radio]\nfrequency_mhz = nan\n',
      `${FILE}:2: radio.frequency_mhz cannot be nan; give a number of MHz within the region, such as 869.525.`,
    ],
    [
      'control characters',
      '[node]\nname = "a\\u001b[2J"\n',
      `${FILE}:2: node.name cannot be "a\\u001b[2J"; give at most 32 characters in quotes.`,
    ],
  ])('%s', (_what, toml, sentence) => {
    expect(refused(toml)).toBe(sentence);
  });

  test('everything that is wrong is told at once, in the order of the lines', () => {
    expect(refused('[log]\nlevel = 1\n[radio]\nbord = "sim"\nregion = 7\n').split('\n')).toEqual([
      expect.stringContaining(':2: log.level'),
      expect.stringContaining(':4: there is no key radio.bord; did you mean radio.board?'),
      expect.stringContaining(':5: radio.region'),
    ]);
  });

  test('what is not TOML is told with its line', () => {
    expect(refused('[radio]\nboard = sim\n')).toMatch(
      /^\/etc\/nexus\/nexus\.toml:2: this is not TOML: .+\.$/,
    );
    expect(refused('[radio]\nboard = "a"\nboard = "b"\n')).toMatch(/:3: this is not TOML/);
  });

  test('whatever a file holds, it is accepted or refused in sentences', () => {
    const word = fc.oneof(
      fc.constantFrom(...KEYS.flatMap((k) => [k.path, ...k.path.split('.')]), '__proto__', 'constructor'),
      fc.string(),
    );
    const value = fc.oneof(
      fc.string(),
      fc.constantFrom('"sim"', '8', 'inf', '[1]', '{a=1}', '1979-05-27', '"""'),
    );
    const line = fc.oneof(
      fc.tuple(word, value).map(([k, v]) => `${k} = ${v}`),
      word.map((w) => `[${w}]`),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
        const toml = lines.join('\n');
        try {
          parseConfig(toml, FILE);
        } catch (e) {
          expect(e).toBeInstanceOf(PersonError);
          expect((e as Error).message).toMatch(/^\/etc\/nexus\/nexus\.toml/);
        }
      }),
    );
  });
});
