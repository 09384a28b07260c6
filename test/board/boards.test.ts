import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BOARDS, boardNamed } from '../../board/boards.ts';
import { detectMachine, suggestBoards } from '../../board/detect.ts';

const hats = BOARDS.filter((b) => b.kind === 'hat');

/** BCM 7–11 are SPI0 with its two chip selects, 2 and 3 the display's I2C. */
const TAKEN = [2, 3, 7, 8, 9, 10, 11];

describe('boards', () => {
  test('have names of their own', () => {
    expect(new Set(BOARDS.map((b) => b.name)).size).toBe(BOARDS.length);
    for (const b of BOARDS) expect(boardNamed(b.name)).toBe(b);
    expect(boardNamed('no such board')).toBeUndefined();
  });

  test.each(hats.map((h) => [h.name, h] as const))(
    '%s uses each line of the header once',
    (_name, { radio, buttons, leds }) => {
      const lines = [radio.reset, radio.dio0, radio.dio1, radio.dio2, ...buttons, ...leds].filter(
        (n): n is number => n !== undefined,
      );
      expect(new Set(lines).size).toBe(lines.length);
      for (const n of lines) {
        expect(n).toBeGreaterThanOrEqual(0);
        expect(n).toBeLessThanOrEqual(27);
        expect(TAKEN).not.toContain(n);
      }
    },
  );

  test('as their makers wired them', () => {
    expect(boardNamed('adafruit-rfm95w-bonnet')).toMatchObject({
      radio: { spiBus: 0, chipSelect: 1, reset: 25, dio0: 22, dio1: 23, dio2: 24 },
      buttons: [5, 6, 12],
      display: { width: 128, height: 32, i2cAddress: 0x3c },
    });
    expect(boardNamed('dragino-lora-gps')).toMatchObject({
      radio: { reset: 17, dio0: 4, dio1: 23, dio2: 24 },
      notes: expect.stringContaining('cs0_pin=25'),
    });
    expect(boardNamed('uputronics-ce0')).toMatchObject({ radio: { spiBus: 0, chipSelect: 0, dio0: 25 } });
    expect(boardNamed('uputronics-ce1')).toMatchObject({ radio: { spiBus: 0, chipSelect: 1, dio0: 16 } });
  });
});

describe('detection', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(`${tmpdir()}/device-tree-`);
  });
  afterEach(() => rmSync(root, { recursive: true }));

  test('names the machine', async () => {
    writeFileSync(`${root}/model`, 'Raspberry Pi 4 Model B Rev 1.4\0');
    const machine = await detectMachine(root);
    expect(machine).toEqual({ model: 'Raspberry Pi 4 Model B Rev 1.4' });
    expect(machine && suggestBoards(machine)).toEqual([]);
  });

  test('suggests the boards of the maker in the EEPROM', async () => {
    writeFileSync(`${root}/model`, 'Raspberry Pi 5 Model B Rev 1.0\0');
    mkdirSync(`${root}/hat`);
    writeFileSync(`${root}/hat/vendor`, 'Uputronics\0');
    writeFileSync(`${root}/hat/product`, 'LoRa Board\0');
    const machine = await detectMachine(root);
    expect(machine?.hat).toEqual({ vendor: 'Uputronics', product: 'LoRa Board' });
    expect(machine && suggestBoards(machine).map((b) => b.name)).toEqual([
      'uputronics-ce0',
      'uputronics-ce1',
    ]);
  });

  test('on a machine without a device tree finds none', async () => {
    expect(await detectMachine(`${root}/nowhere`)).toBeUndefined();
  });
});
