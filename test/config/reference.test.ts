import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BOARDS } from '../../board/boards.ts';
import { REGIONS } from '../../board/regions.ts';
import { effective } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { KEYS } from '../../src/config/schema.ts';
import { airtimeOn } from '../../src/node/lora-profile.ts';

/** The page, made of the schema and the tables of boards and regions. `npx vitest run --config test/vitest.config.ts test/config -u` writes it anew. */
function reference(): string {
  const lines = [
    '# The configuration',
    '',
    'One TOML file. `nexusd --config FILE` names it; otherwise the first of `/boot/firmware/nexus.toml` (the',
    "card's boot partition, which any computer can edit) and `/etc/nexus/nexus.toml` that exists is read. Without",
    'any, everything is at its default. A wrong key or value is refused with file, line and what would be right;',
    '`nexus config check FILE` says so without starting anything. `systemd/nexus.example.toml` is a file to begin with.',
    '',
    'This page is made from the schema (`src/config/schema.ts`) and the tables in `board/`.',
  ];
  let table: string | undefined;
  for (const { path, about, right, fallback, without } of KEYS) {
    const parent = path.slice(0, path.lastIndexOf('.'));
    if (parent !== table)
      lines.push('', `## [${parent}]`, '', '| key | default | what it may be | |', '|---|---|---|---|');
    table = parent;
    const name = path.slice(parent.length + 1);
    lines.push(`| \`${name}\` | ${without ?? `\`${fallback}\``} | ${right} | ${about} |`);
  }
  lines.push('', '## Boards', '', '| name | |', '|---|---|');
  for (const b of BOARDS)
    lines.push(`| \`${b.name}\` | ${b.title}${'notes' in b && b.notes ? `. ${b.notes}` : ''} |`);
  lines.push('', '## Regions', '', 'Gathered from public sources; the law of the place decides.', '');
  lines.push('| name | where | channel without further keys |', '|---|---|---|');
  for (const { name, where, defaults: d } of REGIONS)
    lines.push(
      `| \`${name}\` | ${where} | ${d.frequencyHz / 1e6} MHz, ${d.bandwidthHz / 1e3} kHz, SF${d.spreadingFactor} |`,
    );
  return `${lines.join('\n')}\n`;
}

describe('the documents of the configuration', () => {
  test('docs/config.md is what the schema says', async () => {
    await expect(reference()).toMatchFileSnapshot('../../docs/config.md');
  });

  const example = readFileSync(new URL('../../systemd/nexus.example.toml', import.meta.url), 'utf8');
  const read = (toml: string) => effective(parseConfig(toml, 'example'), toml, 'example', airtimeOn);
  const defaults = read('');

  test('the example is exactly the defaults', () => {
    expect(read(example)).toEqual(defaults);
  });

  test('so it is with every key in force', () => {
    expect(read(example.replace(/^# (\w+ = )/gm, '$1'))).toEqual(defaults);
  });

  test('the example shows every key', () => {
    const shown = parseConfig(example.replace(/^# (\w+ = )/gm, '$1'), 'example');
    for (const { path } of KEYS) {
      const value = path.split('.').reduce<unknown>((v, k) => (v as Record<string, unknown>)[k], shown);
      expect(value, path).toBeDefined();
      expect(example, path).toMatch(new RegExp(`^(# )?${path.split('.').at(-1)} = `, 'm'));
    }
  });
});
