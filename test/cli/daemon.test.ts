/** `nexusd` as systemd has it: starts, refuses, stops, is killed. */
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Town } from '../demo/processes.ts';

describe('nexusd', () => {
  let town: Town;
  beforeEach(async () => {
    town = new Town();
    await town.startAir();
  });
  afterEach(() => town.end());

  /** Ends by itself, with one sentence. */
  const refused = async (config: string) => {
    const box = town.box('A');
    box.configure(config);
    const { code, stderr } = await box.launch().ended;
    expect(stderr.split('\n').length).toBe(2);
    return [code, stderr.trimEnd()];
  };

  test('starts, says so, and stops in order when asked', async () => {
    const box = town.box('A');
    const daemon = await box.start();
    expect(JSON.parse(daemon.stderr.split('\n').find((l) => l.includes('"ready"')) ?? '')).toMatchObject({
      socket: box.socket,
      state: box.state,
      config: box.configFile,
      board: 'sim',
    });
    expect(statSync(box.state).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(join(box.state, 'db')))
      expect(statSync(join(box.state, 'db', file)).mode & 0o077, file).toBe(0);
    expect(statSync(join(box.state, 'seed')).mode & 0o777).toBe(0o600);
    expect((await daemon.stop('SIGTERM')).code).toBe(0);
    expect(existsSync(box.socket)).toBe(false);
    expect((await (await box.start()).stop('SIGINT')).code).toBe(0);
  });

  test('killed, it is the same box with the same messages after starting again', async () => {
    const box = town.box('A');
    const nowhere = town.box('B');
    const other = await nowhere.start();
    const code = (await nowhere.nexus(['id'])).stdout.split('\n')[0] ?? '';
    await other.stop();
    const daemon = await box.start();
    const before = (await box.nexus(['id'])).stdout;
    await box.nexus(['contact', 'add', 'B', code]);
    expect((await box.nexus(['send', 'B', 'survives'])).code).toBe(0);
    await daemon.stop('SIGKILL');
    expect(existsSync(box.socket)).toBe(true);
    await box.start();
    expect((await box.nexus(['id'])).stdout).toBe(before);
    expect(JSON.parse((await box.nexus(['outbox', '--json'])).stdout)).toMatchObject({
      name: 'B',
      text: 'survives',
      state: 'stored',
    });
  });

  test('with a damaged database it goes on as the same box, and says in one sentence what it did', async () => {
    const box = town.box('A');
    await (await box.start()).stop();
    const damaged = join(box.state, 'db', 'data.mdb');
    truncateSync(damaged, statSync(damaged).size >> 1);
    const before = statSync(damaged).size;
    const daemon = await box.start();
    expect(daemon.stderr).toMatch(
      /"level":40.*"The database was damaged \(cut short\) and is kept as .*db\.damaged-1;/,
    );
    expect((await box.nexus(['status'])).stdout).toMatch(
      /^The database was damaged .*: check the disk or card/m,
    );
    expect(statSync(join(box.state, 'db.damaged-1', 'data.mdb')).size).toBe(before);
  });

  test('with something else in the place of its database it keeps that, and begins anew beside it', async () => {
    const box = town.box('A');
    await (await box.start()).stop();
    const directory = join(box.state, 'db');
    renameSync(directory, `${directory}.kept`);
    writeFileSync(directory, 'not a directory');
    const daemon = await box.start();
    expect(daemon.stderr).toMatch(/The database was damaged \(its file is missing\)/);
    expect(readFileSync(`${directory}.damaged-1`, 'utf8')).toBe('not a directory');
  });

  test('a second one on the same state directory is refused, and the first goes on', async () => {
    const box = town.box('A');
    await box.start();
    const { code, stderr } = await box.launch().ended;
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^nexusd: Another daemon is using .*: stop it first.*\n$/),
    ]);
    expect((await box.nexus(['id'])).code).toBe(0);
  });

  test('a second one on the same socket is refused', async () => {
    const [a, b] = [town.box('A'), town.box('B')];
    await a.start();
    const second = town.start('src/daemon.js', [
      ...['--config', b.configFile, '--state', b.state, '--socket', a.socket],
    ]);
    const { code, stderr } = await second.ended;
    expect([code, stderr.trimEnd().split('\n').at(-1)]).toEqual([
      1,
      expect.stringMatching(/^nexusd: Another daemon listens at .*; stop it or give another --socket\.$/),
    ]);
  });

  test('a wrong configuration is refused with file, line and key, with a code that systemd does not retry', async () => {
    const file = town.box('A').configFile;
    expect(await refused('spreading_faktor = 8')).toEqual([
      78,
      `nexusd: ${file}:4: there is no key radio.spreading_faktor; did you mean radio.spreading_factor?`,
    ]);
    expect(await refused('frequency_mhz = 869.3')).toEqual([
      78,
      expect.stringMatching(/:1: radio: 869\.3 MHz .* does not lie within one sub-band of EU868/),
    ]);
    // a frame that carries no handshake within the dwell time
    expect(await refused('region = "AS923"\nspreading_factor = 10')).toEqual([
      78,
      `nexusd: ${file}:1: radio: AS923 allows 400 ms for one transmission, which is 24 bytes with these settings and too few: choose a lower spreading factor or a larger bandwidth (at least 200 bytes must fit).`,
    ]);
  });

  test('without a radio it is a node on the LAN', async () => {
    const box = town.box('A');
    box.write('[radio]\nboard = "none"\n[lan]\nport = 0\nmulticast = false\n');
    const daemon = await box.start();
    const { stdout } = await box.nexus(['status']);
    expect(stdout).toMatch(/^radio +none$/m);
    expect(stdout).toMatch(/^lan +0 connections, takes none$/m);
    expect(stdout).not.toMatch(/^airtime/m);
    expect((await daemon.stop()).code).toBe(0);
  });

  test('a port of the LAN that another program has is told, with what to do', async () => {
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, () => done()));
    const { port } = taken.address() as AddressInfo;
    const box = town.box('A');
    box.configure(`[lan]\nport = ${port}\nmulticast = false`);
    const { code, stderr } = await box.launch().ended;
    expect([code, stderr.trimEnd().split('\n').at(-1)]).toEqual([
      78,
      `nexusd: Port ${port} cannot be had (another program listens there): set another port in [lan] of the configuration, or 0 for none.`,
    ]);
    await new Promise((done) => taken.close(done));
  });

  test('a command line that is wrong is refused', async () => {
    const { code, stderr } = await town.start('src/daemon.js', ['--stat', '/tmp/x']).ended;
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^nexusd: .*'--stat'.*; see nexusd --help\.\n$/),
    ]);
    expect((await town.start('src/daemon.js', ['--help']).ended).stdout).toContain('Exit codes');
  });

  test('a state directory that cannot be one is told', async () => {
    const box = town.box('A');
    const args = [
      '--config',
      box.configFile,
      '--state',
      join(box.configFile, 'state'),
      '--socket',
      box.socket,
    ];
    const { code, stderr } = await town.start('src/daemon.js', args).ended;
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^nexusd: The state directory .*cannot be used.*\n$/),
    ]);
  });
});
