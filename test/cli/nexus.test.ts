/** The product as a person has it: two daemons on one air, at the radio's true speed, and the command at each. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Box, Town, until } from '../demo/processes.ts';

describe('nexus', () => {
  const town = new Town();
  let a: Box;
  let b: Box;
  let codeOfB: string;

  const json = async (box: Box, ...args: string[]) => {
    const { code, stdout, stderr } = await box.nexus([...args, '--json']);
    expect([code, stderr]).toEqual([0, '']);
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  };

  /** A refusal: nothing on standard output, one sentence on standard error. */
  const refusal = async (box: Box, ...args: string[]) => {
    const { code, stdout, stderr } = await box.nexus(args);
    expect([stdout, stderr.split('\n').length]).toEqual(['', 2]);
    return [code, stderr.trimEnd()];
  };

  beforeAll(async () => {
    await town.startAir();
    [a, b] = [town.box('A'), town.box('B')];
    // fast: what is tested here is not the radio
    for (const box of [a, b]) box.configure('spreading_factor = 7');
    await Promise.all([a.start(), b.start()]);
    codeOfB = (await json(b, 'id'))[0].contact;
    expect((await a.nexus(['contact', 'add', 'B', codeOfB])).code).toBe(0);
  });

  afterAll(() => town.end());

  test('id shows the contact code, for people, for programs and to be scanned', async () => {
    const shown = await b.nexus(['id']);
    expect(shown.stdout).toMatch(new RegExp(`^${codeOfB}\nnode [0-9a-f]{32}\n$`));
    expect(Object.keys((await json(b, 'id'))[0])).toEqual(['nodeId', 'contact', 'publicKey']);
    expect((await b.nexus(['id', '--qr'])).stdout).toMatch(/█▀▀▀▀▀█|█ ▄▄▄▄▄ █/);
  });

  test('contact adds, lists and removes', async () => {
    const [{ contact }] = await json(a, 'id');
    expect(await json(b, 'contact', 'add', 'Á', contact)).toMatchObject([{ name: 'Á', contact }]);
    expect((await b.nexus(['contact', 'list'])).stdout).toBe(`Á  ${contact}\n`);
    const listed = (await b.nexus(['contact', 'list', '--json'])).stdout;
    expect(JSON.parse(listed)).toMatchObject({ name: 'Á', contact });
    expect((await b.nexus(['contact', 'remove', 'Á'])).code).toBe(0);
    expect((await b.nexus(['contact', 'list'])).stdout).toMatch(/^no contacts; add one with/);
  });

  test('the contact code of the picture, in upper case, is the same', async () => {
    expect((await b.nexus(['contact', 'add', 'x', codeOfB.toUpperCase()])).stderr).not.toMatch(/code/);
    await b.nexus(['contact', 'remove', 'x']);
  });

  test('what is refused is refused in one sentence, with code 1', async () => {
    expect(await refusal(a, 'send', 'nobody', 'x')).toEqual([1, expect.stringContaining('nobody')]);
    expect(await refusal(a, 'contact', 'add', 'C', `${codeOfB.slice(0, -1)}x`)).toEqual([
      1,
      expect.any(String),
    ]);
    expect(await refusal(a, 'send', 'B', 'x'.repeat(16_385))).toEqual([1, expect.any(String)]);
    expect(await refusal(a, 'send', '\x1b[2J', 'x')).toEqual([1, expect.stringContaining('\\u001b[2J')]);
  });

  // 30 s and more where the first solicit is lost
  test('send --wait shows each state with its time until delivered; inbox and outbox show the message', {
    timeout: 60_000,
  }, async () => {
    const followed: string[] = [];
    const following = b.begin(['inbox', '--follow', '--json'], (line) =>
      followed.push(JSON.parse(line).text),
    );
    const text = 'two\nlines, \x1b]0;title\x07 and \u202eturned';
    const sent = await a.nexus(['send', 'B', text, '--wait']);
    expect([sent.code, sent.stderr]).toEqual([0, '']);
    const time = String.raw`\d\d:\d\d:\d\d\.\d`;
    expect(sent.stdout).toMatch(new RegExp(`^${time}  composed\n${time}  stored`));
    expect(sent.stdout).toMatch(new RegExp(`\n${time}  delivered   [\\d.]+ s on air, \\d+ bytes\n$`));

    await following.wrote(/title/);
    await following.stop();
    expect(followed).toEqual([text]);
    const inbox = await b.nexus(['inbox']);
    expect(inbox.stdout).toContain('\n  two\n  lines, \\u001b]0;title\\u0007 and \\u202eturned\n');
    const [entry] = await json(a, 'outbox');
    expect(entry).toMatchObject({ name: 'B', text, state: 'delivered' });
    const outbox = await a.nexus(['outbox']);
    expect(outbox.stdout).toContain('delivered  B  two\\u000alines, \\u001b]0;title');
    expect(outbox.stdout.trimEnd()).not.toContain('\n');
  });

  test('inbox remove deletes a message, and says where there is none such', async () => {
    const [{ id }] = await json(b, 'inbox');
    expect(await b.nexus(['inbox', 'remove', id])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect((await b.nexus(['inbox'])).stdout).toBe('no messages\n');
    expect(await refusal(b, 'inbox', 'remove', id)).toEqual([
      1,
      `No message ${id} is in the inbox; \`nexus inbox --json\` shows their ids.`,
    ]);
  });

  test('send without --wait ends once the message is stored; "-" reads standard input', async () => {
    const sending = a.begin(['send', 'B', '-']);
    sending.process.stdin?.end('from a pipe');
    const { code, stdout } = await sending.ended;
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^stored as [0-9a-f]+; it goes on by itself/)]);
    expect((await json(a, 'outbox')).at(-1)).toMatchObject({ text: 'from a pipe' });
  });

  test('status shows radio, law, neighbours, messages and store', async () => {
    const [status] = await json(a, 'status');
    expect(status).toMatchObject({
      radio: { board: 'sim', region: 'EU868', spreadingFactor: 7, health: 'ok' },
      law: { fromHz: 869_400_000, toHz: 869_650_000, dutyCycle: 0.1, maxPowerDbm: 27, allowedMs: 360_000 },
      neighbours: [{ name: 'B', linked: true }],
      store: { state: 'ok' },
    });
    expect(status.law.usedMs).toBeGreaterThan(0);
    const { stdout } = await a.nexus(['status']);
    expect(stdout).toMatch(/^radio +ok: sim, EU868 869\.525 MHz, 125 kHz, SF7, 4\/5, 17 dBm/m);
    expect(stdout).toMatch(/^law +869\.4–869\.65 MHz: 10 % of any hour on air, at most 27 dBm ERP$/m);
    expect(stdout).toMatch(/^airtime +\d[\d.]* s of the 360 s an hour that the law allows$/m);
  });

  test('neighbours and routes show who is in earshot, and who is reached through whom', async () => {
    // mail needs a session only, and came before the link, which has its turn
    await until(async () => (await json(a, 'routes'))[0]?.next !== undefined, 'a route to B', 50);
    const [heard] = await json(a, 'neighbours');
    expect(heard).toMatchObject({ name: 'B', medium: 'lora', linked: true });
    expect(heard.etx).toBeGreaterThanOrEqual(1);
    const table = (await a.nexus(['neighbours'])).stdout.split('\n');
    expect(table[0]).toMatch(/^node +name +by +heard +level +SNR +ETX +link$/);
    expect(table[1]).toMatch(/^[0-9a-f]{8} +B +lora +.* ago +-?\d+ dBm +-?\d+\.\d dB +\d+\.\d +linked$/);

    const [known] = await json(a, 'routes');
    expect(known).toMatchObject({ name: 'B', nodeId: heard.nodeId });
    const routes = (await a.nexus(['routes'])).stdout.split('\n');
    expect(routes[0]).toMatch(/^node +name +through +hops +airtime +besides$/);
    expect(routes[1]).toMatch(/^[0-9a-f]{8} +B +direct +1 +0\.\d\d s$/);
  });

  test('pub publishes; sub shows what comes of a topic, and what came before; --end ends it', async () => {
    expect((await a.nexus(['pub', 'weather/oslo', 'Too early'])).stdout).toMatch(
      /^published as [0-9a-f]{16}\n$/,
    );
    const follower = a.begin(['sub', 'weather/*']);
    while ((await json(a, 'status'))[0].pub.topics.length === 0) await new Promise((r) => setTimeout(r, 50));
    expect((await a.nexus(['pub', 'weather/oslo', 'Snow'])).code).toBe(0);
    await follower.wrote(/^[\d -]+:\d\d {2}weather\/oslo\n {2}Snow\n/);
    await follower.stop();
    const again = a.begin(['sub', 'weather/*', '--json']);
    await again.wrote(/"topic":"weather\/oslo","text":"Snow"/);
    await again.stop();
    expect((await a.nexus(['sub', 'weather/*', '--end'])).code).toBe(0);
    expect(await refusal(a, 'sub', 'weather/*', '--end')).toEqual([
      1,
      expect.stringMatching(/is not followed here/),
    ]);
    expect(await refusal(a, 'pub', 'weather/*', 'x')).toEqual([
      1,
      expect.stringMatching(/^Publish under one name/),
    ]);
  });

  test('config check says that a file is right, or what is wrong, without a daemon', async () => {
    const offline = town.box('offline');
    const right = await offline.nexus(['config', 'check', offline.configFile]);
    expect([right.code, right.stdout]).toEqual([0, expect.stringContaining('is right: board sim, EU868')]);
    offline.configure('[node]\nnmae = "x"\n');
    expect(await refusal(offline, 'config', 'check', offline.configFile)).toEqual([
      1,
      `${offline.configFile}:5: there is no key node.nmae; did you mean node.name?`,
    ]);
    expect(await refusal(offline, 'config', 'check', '/nowhere.toml')).toEqual([
      1,
      'There is no file /nowhere.toml; check the path.',
    ]);
  });

  test('a command line that is wrong is code 2, no daemon is code 3; help needs none', async () => {
    const offline = town.box('offline');
    expect(await refusal(offline, 'sned')).toEqual([2, expect.stringContaining('see nexus --help')]);
    expect(await refusal(offline, 'status')).toEqual([3, expect.stringMatching(/^No nexusd answers at /)]);
    for (const args of [['--help'], ['send', '--help'], ['contact', '--help'], ['--version']]) {
      const { code, stdout, stderr } = await offline.nexus(args);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(args[0] === '--version' ? /^\d+\.\d+\.\d+\n$/ : /nexus[\s\S]*Exit codes/);
    }
  });

  test('a daemon that ends in the middle of its answer is code 4', async () => {
    const c = town.box('C');
    const daemon = await c.start();
    const following = c.begin(['send', codeOfB, 'x'.repeat(4000), '--wait']);
    await following.wrote(/stored/);
    await daemon.stop('SIGKILL');
    const { code, stderr } = await following.ended;
    expect([code, stderr]).toEqual([4, expect.stringContaining('stopped in the middle of its answer')]);
  });

  test('store shows what the box holds for whom, and what may be dropped', async () => {
    const { stdout } = await a.nexus(['send', 'B', 'to be seen in the store', '--json']);
    const { id } = JSON.parse(stdout);
    const [sums, ...objects] = await json(a, 'store');
    expect(sums.disk).toBe('ok');
    const object = objects.find((o) => o.recipient.name === 'B' && id.startsWith(o.id));
    expect(object ?? objects.at(-1)).toMatchObject({
      recipient: { name: 'B' },
      mayGo: expect.stringMatching(/never|gone/),
    });
    const shown = (await a.nexus(['store', '--all'])).stdout;
    expect(shown).toMatch(/^disk: ok, there is room\n/);
    expect(shown).toMatch(/\nobject +state +bytes +given by +for +since +until +may be dropped\n/);
    expect(shown).toMatch(/ this box +B /);
  });
});
