/** The Linux side of the borders, as far as a machine without the hardware can show it. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadNative, openingFailed } from '../../../drivers/hal/failures.ts';
import { sysfsGpio } from '../../../drivers/hal/gpio-numbers.ts';
import { findGpiodTools, gpiodCommand, openGpiodLine } from '../../../drivers/hal/linux-gpio-gpiod.ts';
import { openI2cBus } from '../../../drivers/hal/linux-i2c.ts';
import { openRadioHardware } from '../../../drivers/hal/linux-radio.ts';
import { openSpiBus } from '../../../drivers/hal/linux-spi.ts';
import { PersonError } from '../../../src/core/errors.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(`${tmpdir()}/hal-`);
});
afterEach(() => rmSync(root, { recursive: true }));

describe('BCM numbers to what the kernel wants', () => {
  const chip = (name: string, label: string, base: number, lines: number) => {
    mkdirSync(`${root}/${name}`);
    for (const [file, value] of Object.entries({ label, base, ngpio: lines }))
      writeFileSync(`${root}/${name}/${file}`, `${value}\n`);
  };

  test.each([
    ['Pi 3, older kernel', 'pinctrl-bcm2835', 0, 54],
    ['Pi 4, newer kernel', 'pinctrl-bcm2711', 512, 58],
    ['Pi 5, one kernel', 'pinctrl-rp1', 571, 54],
    ['Pi 5, another kernel', 'pinctrl-rp1', 399, 54],
  ])('%s', async (_what, label, base, lines) => {
    chip(`gpiochip${base}`, label, base, lines);
    chip('gpiochip900', 'raspberrypi-exp-gpio', 900, 8);
    chip('gpiochip100', 'gpio-brcmstb@107d508500', 100, 32);
    expect(await sysfsGpio(25, root)).toBe(base + 25);
    await expect(sysfsGpio(60, root)).rejects.toThrow(PersonError);
  });

  test('a machine that is no Pi is told so', async () => {
    chip('gpiochip0', 'INT34C5:00', 0, 300);
    await expect(sysfsGpio(25, root)).rejects.toThrow(/no Raspberry Pi header/);
  });
});

describe('the tools of libgpiod', () => {
  /** Scripts that write down how they were called. */
  const tool = (name: string, body: string) => {
    writeFileSync(`${root}/${name}`, `#!/bin/sh\necho "${name} $*" >> ${root}/log\n${body}\n`);
    chmodSync(`${root}/${name}`, 0o755);
  };
  const log = () => readFileSync(`${root}/log`, 'utf8').trim().split('\n');
  const CHIPS = 'gpiochip0 [gpio-brcmstb@107d508500] (32 lines)\\ngpiochip4 [pinctrl-rp1] (54 lines)\\n';
  const install = (version: string) => {
    tool(
      'gpiodetect',
      `case "$1" in --version) echo "gpiodetect (libgpiod) ${version}";; *) printf '${CHIPS}';; esac`,
    );
    tool('gpioget', 'echo 1');
    tool('gpioset', 'exec sleep 20');
    // a line is somebody's only once its holder runs
    const isHeld = `grep -q '^gpioset' ${root}/log || exit 0\n`;
    tool(
      'gpioinfo',
      version.startsWith('v1')
        ? `${isHeld}printf 'gpiochip4 - 54 lines:\\n\\tline  25:     "GPIO25"    "gpioset"  output  active-high [used]\\n'`
        : `${isHeld}printf 'gpiochip4 25\\t"GPIO25"\\toutput consumer="gpioset"\\n'`,
    );
    tool('gpiomon', `printf '1\\n1\\n'; exec sleep 20`);
  };

  test.each([
    ['v1.6.3', 1],
    ['v2.2.1', 2],
  ])('%s: found, with the chip of the header', async (version, major) => {
    install(version);
    expect(await findGpiodTools(`${root}/`)).toEqual({ major, chip: 'gpiochip4', directory: `${root}/` });
  });

  test.each([
    ['v1.6.3', 'gpioset --mode=signal gpiochip4 25=0', 'gpioget gpiochip4 25'],
    ['v2.2.1', 'gpioset --chip gpiochip4 25=0', 'gpioget --numeric --chip gpiochip4 25'],
  ])('%s: a line is held low until it is let go of', async (version, set, get) => {
    install(version);
    const line = openGpiodLine(await findGpiodTools(`${root}/`), 25);
    await line.write(0);
    await line.release();
    expect(await line.read()).toBe(1);
    await line.close();
    const calls = log().filter((l) => !/^gpio(detect|info)/.test(l));
    expect(calls).toEqual([set, get, get]);
  });

  test.each([
    ['v1.6.3', 'gpiomon --rising-edge --format=%e gpiochip4 22'],
    ['v2.2.1', 'gpiomon --edges=rising --format=%e --chip gpiochip4 22'],
  ])('%s: each line of the monitor is an edge', async (version, command) => {
    install(version);
    const line = openGpiodLine(await findGpiodTools(`${root}/`), 22);
    let edges = 0;
    await new Promise<void>((resolve) => {
      line.onEdge(() => {
        edges++;
        if (edges === 2) resolve();
      });
    });
    await line.close();
    expect(log()).toContain(command);
  });

  test('a line that another program holds is an error, not a wait without end', async () => {
    install('v2.2.1');
    tool('gpioset', 'exit 1');
    tool('gpioinfo', `printf 'gpiochip4 25\\t"GPIO25"\\toutput consumer="other"\\n'`);
    const line = openGpiodLine(await findGpiodTools(`${root}/`), 25);
    await expect(line.write(0)).rejects.toThrow(/another program/);
  });

  test('are asked for by name where they are missing', async () => {
    await expect(findGpiodTools(`${root}/`)).rejects.toThrow(/apt install gpiod/);
  });

  test('watch through a line buffer', () => {
    expect(gpiodCommand({ major: 2, chip: 'gpiochip0', directory: '' }, 4, 'watch')).toEqual([
      'stdbuf',
      ['-oL', 'gpiomon', '--edges=rising', '--format=%e', '--chip', 'gpiochip0', '4'],
    ]);
  });
});

describe('hardware that is not there', () => {
  test('is one sentence that says what to do', async () => {
    await expect(openSpiBus(7, 9)).rejects.toThrow(
      /^\/dev\/spidev7\.9 does not exist here: enable SPI .*raspi-config/,
    );
    await expect(openI2cBus(77)).rejects.toThrow(/^\/dev\/i2c-77 does not exist here: enable I2C/);
    const radio = openRadioHardware({ spiBus: 7, chipSelect: 9, reset: 25, dio0: 22 });
    await expect(radio).rejects.toThrow(PersonError);
  });

  test('nor the package: install a compiler', async () => {
    const missing = () => Promise.reject(new Error("Cannot find package 'spi-device'"));
    await expect(loadNative('spi-device', missing)).rejects.toThrow(/spi-device is not installed.*npm ci/);
  });

  test.each([
    ['EACCES', /group spi/],
    ['EPERM', /group spi/],
    ['EBUSY', /in use/],
    ['ENODEV', /raspi-config/],
    ['EIO', /cannot be opened \(boom\)/],
  ])('%s', (code, sentence) => {
    const cause = Object.assign(new Error('boom'), { code });
    expect(openingFailed('spi-device', '/dev/spidev0.1', cause).message).toMatch(sentence);
  });
});
