import { describe, expect, test } from 'vitest';
import { lineOf } from '../../src/config/positions.ts';

describe('the line of a key', () => {
  const toml = `# first
radio.region = "EU868"

[node]
name = """
board = "not a key"
"""
[ radio . sim ] # a comment = 3
  "air" = '/a'
name="x"
[store]
sizes = { reserve_mb = 3 }
`;

  test.each([
    [['radio', 'region'], 2],
    [['node', 'name'], 5],
    [['node', 'board'], 4],
    [['radio', 'sim', 'air'], 9],
    [['radio', 'sim', 'name'], 10],
    [['radio', 'sim'], 8],
    [['store', 'sizes', 'reserve_mb'], 12],
    [['log', 'level'], undefined],
  ])('%j stands on line %s', (path, line) => {
    expect(lineOf(toml, path)).toBe(line);
  });

  test('lines end as on any computer', () => {
    expect(lineOf('[node]\r\nname = "a"\r\n', ['node', 'name'])).toBe(2);
  });
});
