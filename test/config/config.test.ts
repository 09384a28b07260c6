import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { REGIONS } from '../../board/regions.ts';
import { type Config, effective } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { airtimeOn } from '../../src/node/lora-profile.ts';

const read = (toml: string): Config => effective(parseConfig(toml, 'f.toml'), toml, 'f.toml', airtimeOn);

describe('the configuration in force', () => {
  test.each(REGIONS.map((r) => [r.name, r] as const))(
    '%s alone gives its own lawful defaults',
    (name, region) => {
      const { radio } = read(`[radio]\nregion = "${name}"\n`);
      expect(radio).toMatchObject({ region, ...region.defaults });
    },
  );

  test('the power follows from frequency and antenna, and stays below what is for 1 % duty only', () => {
    expect(read('').radio?.powerDbm).toBe(17);
    expect(read('[radio]\nfrequency_mhz = 868.3\n').radio).toMatchObject({
      frequencyHz: 868_300_000,
      powerDbm: 14,
    });
    expect(read('[radio]\nfrequency_mhz = 868.3\nantenna_gain_dbi = 5.15\n').radio?.powerDbm).toBe(11);
  });

  test('units are those of the rooms that use them', () => {
    const config = read('[radio]\nbandwidth_khz = 62.5\ncoding_rate = "4/8"\n[store]\nmax_mb = 20\n');
    expect(config.radio).toMatchObject({ bandwidthHz: 62_500, codingRate: 8 });
    expect(config.store).toEqual({ reserveBytes: 64_000_000, maxBytes: 20_000_000 });
  });

  test('the board "none" is a node without radio, whatever else stands there', () => {
    expect(read('[radio]\nboard = "none"\nfrequency_mhz = 869.3\n').radio).toBeUndefined();
  });

  test('the LAN is there unless it is switched off', () => {
    expect(read('').lan).toEqual({ port: 27182, peers: [], multicast: true });
    expect(read('lan.enabled = false').lan).toBeUndefined();
    expect(read('[lan]\nport = 0\nmulticast = false').lan).toEqual({
      port: undefined,
      peers: [],
      multicast: false,
    });
  });

  test.each([
    ['relay', 'relay', 27182],
    ['relay.example:4000', 'relay.example', 4000],
    ['192.0.2.7:1', '192.0.2.7', 1],
    ['[2001:db8::7]', '2001:db8::7', 27182],
    ['[2001:db8::7]:65535', '2001:db8::7', 65_535],
  ])('the peer %s is %s, port %i', (peer, host, port) => {
    expect(read(`lan.peers = ["${peer}"]`).lan?.peers).toEqual([{ host, port }]);
  });

  test.each(['', ':1', 'a b', 'relay:', 'relay:0', 'relay:x', '2001:db8::7', 'relay:70000'])(
    'the peer "%s" is refused',
    (peer) => {
      expect(() => read(`lan.peers = ["${peer}"]`)).toThrow(/^f\.toml:1: lan\.peers.* give at most 16 of/);
    },
  );

  test.each([
    [
      'neither radio nor LAN',
      'radio.board = "none"\nlan.enabled = false\n',
      /^f\.toml:2: lan\.enabled: without a radio and without the LAN it would speak to nobody; set it to true\.$/,
    ],
    [
      'more power than the law allows',
      '[radio]\nfrequency_mhz = 868.3\npower_dbm = 17\n',
      /^f\.toml:1: radio: 17 dBm into an antenna of 2\.15 dBi radiates 17\.0 dBm ERP, and EU868 allows 14 dBm at 868\.3 MHz: lower the power to 14 dBm\.$/,
    ],
    [
      'a frequency between the bands',
      '\n[radio]\nfrequency_mhz = 869.3\n',
      /^f\.toml:2: radio: 869\.3 MHz .* does not lie within one sub-band of EU868/,
    ],
    [
      'frames too short to be of use',
      '[radio]\nregion = "AS923"\nspreading_factor = 9\n',
      /^f\.toml:1: radio: AS923 allows 400 ms .* choose a lower spreading factor or a larger bandwidth/,
    ],
    [
      'a channel too narrow to stay on one frequency',
      '[radio]\nregion = "US915"\nbandwidth_khz = 125\n',
      /^f\.toml:1: radio: US915 allows .* from 500 kHz on, and this one is 125 kHz wide: set the bandwidth to 500 kHz\.$/,
    ],
    [
      'a mistyped region',
      'radio.region = "EU686"\n',
      /^f\.toml:1: radio\.region: .*"EU686"; did you mean EU868\?$/,
    ],
    ['an unknown region', 'radio.region = "Mars"\n', /"Mars"; give one of EU868, /],
    [
      'a mistyped board',
      '[radio]\nboard = "dragino-lora-gsp"\n',
      /^f\.toml:2: radio\.board: .*did you mean dragino/,
    ],
  ])('%s is refused with the reason', (_what, toml, sentence) => {
    expect(() => read(toml)).toThrow(sentence);
  });
});

describe('which file is read', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'nexus-config-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const write = (name: string, content: string | Uint8Array) => {
    const path = join(directory, name);
    writeFileSync(path, content);
    return path;
  };
  const load = (named: string | undefined, ...searched: string[]) => loadConfig(named, airtimeOn, searched);

  test('the one that is named, else the first of the searched that exists, else none', async () => {
    const boot = write('boot.toml', '[node]\nname = "boot"\n');
    const etc = write('etc.toml', '[node]\nname = "etc"\n');
    const none = join(directory, 'none.toml');
    expect(await load(etc, boot)).toMatchObject({ file: etc, config: { name: 'etc' } });
    expect(await load(undefined, boot, etc)).toMatchObject({ file: boot, config: { name: 'boot' } });
    expect(await load(undefined, none, etc)).toMatchObject({ file: etc });
    expect(await load(undefined, none)).toEqual({ file: undefined, config: read('') });
  });

  test('a named one that is missing is refused; a searched one that is wrong does not fall through to the next', async () => {
    await expect(load(join(directory, 'none.toml'))).rejects.toThrow(
      /^There is no file .*; check the path\.$/,
    );
    const wrong = write('wrong.toml', 'x = 1');
    await expect(load(undefined, wrong, write('right.toml', ''))).rejects.toThrow(
      /wrong\.toml:1: there is no key x/,
    );
  });

  test('what cannot be a configuration is refused', async () => {
    await expect(load(directory)).rejects.toMatchObject({ code: 'config' });
    await expect(load(write('latin1.toml', Uint8Array.of(0x23, 0xe4)))).rejects.toThrow(/is not UTF-8/);
    await expect(load(write('huge.toml', '#'.repeat(70_000)))).rejects.toThrow(/is no configuration/);
  });
});
