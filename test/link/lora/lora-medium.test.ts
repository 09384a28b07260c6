import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PersonError } from '../../../src/core/errors.ts';
import type { Submission } from '../../../src/link/medium.ts';
import { EU868 } from '../../drivers/sx127x/roof.ts';
import { FIRST, frame, region, type Site, Town } from './town.ts';

let town: Town;
beforeEach(() => {
  town = new Town();
});
afterEach(() => town.close());

const endOf = (submission: Submission): number => {
  if (!submission.sent) throw new Error(`refused: ${submission.refused}`);
  return submission.endedAt;
};

describe('two boxes', () => {
  test('exchange frames, and say how they were heard', async () => {
    const [a, b] = [await town.site('A'), await town.site('B')];
    const there = await a.send([frame(FIRST.plain, 50)]);
    expect(there).toMatchObject({ sent: true, frames: 1, bytes: 50, airtimeMs: a.medium.airtime(50) });
    await b.send([frame(FIRST.plain, 30, 7)]);
    await town.run(100);
    expect(b.heard.map((h) => h.bytes)).toEqual([frame(FIRST.plain, 50)]);
    expect(a.heard.map((h) => h.bytes)).toEqual([frame(FIRST.plain, 30, 7)]);
    const { medium, rssiDbm, snrDb, at } = b.heard[0]?.reception ?? {};
    expect(medium).toBe('lora');
    expect(rssiDbm).toBeCloseTo(-86, 0);
    expect(snrDb).toBeGreaterThan(5);
    expect(at).toBeCloseTo(endOf(there), 0);
    expect(a.medium.status).toMatchObject({
      sent: { frames: 1, bytes: 50 },
      received: { frames: 1, bytes: 30 },
      airtimeAllowedMs: 360_000,
    });
    expect(a.medium.status.airtimeUsedMs).toBeCloseTo(a.medium.airtime(50), 2);
  });

  test('a burst goes back to back, each frame built when the one before is out', async () => {
    const [a, b] = [await town.site('A'), await town.site('B')];
    const built: number[] = [];
    const submission = await a.send([], {
      estimatedBytes: 200,
      next: () => {
        if (built.length === 3) return undefined;
        built.push(town.now);
        return frame(built.length < 3 ? FIRST.burst : FIRST.asking, 200);
      },
    });
    expect(submission).toMatchObject({ sent: true, frames: 3, bytes: 600 });
    const ends = town.roof.sent.map((t) => t.endMs);
    expect(built[1]).toBeGreaterThan(ends[0] as number);
    expect(built[2]).toBeGreaterThan(ends[1] as number);
    const gaps = town.roof.sent.slice(1).map((t, i) => t.startMs - (ends[i] as number));
    for (const gap of gaps) expect(gap).toBeLessThan(10);
    await town.run(100);
    expect(b.heard).toHaveLength(3);
  });

  test('what has nothing to say any more costs nothing', async () => {
    const a = await town.site('A');
    expect(await a.send([])).toEqual({ sent: false, refused: 'nothing' });
    expect(town.roof.sent).toHaveLength(0);
    expect(a.box.counters.get('link.refused-nothing')).toBe(1);
  });

  test('the medium states its mtu and what a frame lasts', async () => {
    const a = await town.site('A');
    expect(a.medium.mtu).toBe(255);
    expect(a.medium.airtime(20)).toBeCloseTo(56.576, 3); // 12.25 symbols, and 43 of header and payload
  });
});

describe('an answer', () => {
  /** A asks; B answers at once; C overhears and has something to say itself. */
  async function exchange(lossDb: number) {
    const [a, b, c] = [await town.site('A'), await town.site('B'), await town.site('C')];
    town.roof.air.setLoss('B', 'C', lossDb);
    b.medium.onFrame.on(({ bytes, reception }) => {
      if (bytes[0] === FIRST.asking)
        void b.submit([frame(FIRST.plain, 40, 1)], { priority: 0, answerUntil: reception.at + 150 });
    });
    let own: Promise<Submission> | undefined;
    c.medium.onFrame.on(({ bytes }) => {
      if (bytes[0] === FIRST.asking) own = c.submit([frame(FIRST.plain, 60, 2)]);
    });
    const asked = endOf(await a.send([frame(FIRST.asking, 100)]));
    await town.run(20_000);
    const [, answer, others] = town.roof.sent;
    return { a, asked, answer, others, own: await own };
  }

  test('goes within its window without contending', async () => {
    const { a, asked, answer } = await exchange(100);
    expect(answer?.from).toBe('B');
    expect((answer?.startMs as number) - asked).toBeLessThan(30);
    expect(a.heard[0]?.bytes).toEqual(frame(FIRST.plain, 40, 1));
  });

  test('is deferred to by those who overhear what asked for it, and cannot hear it', async () => {
    const { answer, others, own } = await exchange(Number.POSITIVE_INFINITY);
    expect(own).toMatchObject({ sent: true });
    expect(others?.from).toBe('C');
    expect(others?.startMs).toBeGreaterThan(answer?.endMs as number);
  });

  test('comes before whatever waits', async () => {
    const [a, b] = [await town.site('A'), await town.site('B')];
    const waiting = [1, 2, 3].map((mark) => b.submit([frame(FIRST.plain, 200, mark)], { priority: 0 }));
    const answer = b.submit([frame(FIRST.plain, 20, 9)], { answerUntil: town.now + 150 });
    await town.roof.simulation.resolve(Promise.all([...waiting, answer]), 20_000);
    await town.run(100);
    expect(a.heard.map((h) => h.bytes[1])).toEqual([10, 2, 3, 4]);
  });

  test('whose window has passed is not sent', async () => {
    const a = await town.site('A');
    const burst = a.submit(Array.from({ length: 3 }, () => frame(FIRST.burst, 255)));
    await town.roof.simulation.until(() => a.medium.status.sent.frames > 0, 5000);
    const answer = a.submit([frame(FIRST.plain, 20)], { answerUntil: town.now + 150 });
    await town.roof.simulation.resolve(burst, 5000);
    expect(await town.roof.simulation.resolve(answer, 5000)).toEqual({ sent: false, refused: 'late' });
  });
});

describe('the queue', () => {
  test('pushes back when it is full', async () => {
    const a = await town.site('A');
    const all = Array.from({ length: 20 }, () => a.submit([frame(FIRST.plain, 20)], { fairnessKey: 'aa' }));
    const results = await town.roof.simulation.resolve(Promise.all(all), 60_000);
    expect(results.slice(0, 16).every((r) => r.sent)).toBe(true);
    expect(results.slice(16)).toEqual(Array(4).fill({ sent: false, refused: 'queue-full' }));
    expect(a.box.counters.get('link.refused-queue-full')).toBe(4);
  });

  test('gives P3 one grant in ten', async () => {
    const [a, b] = [await town.site('A'), await town.site('B')];
    for (let i = 0; i < 10; i++) void a.submit([frame(FIRST.plain, 10, 200)], { priority: 3 });
    let left = 40;
    const keepSaying = () => {
      if (left-- > 0) void a.submit([frame(FIRST.plain, 10, 100)]).then(keepSaying);
    };
    for (let i = 0; i < 5; i++) keepSaying();
    await town.roof.simulation.until(() => a.medium.status.sent.frames >= 40, 60_000);
    await town.run(100);
    const bulk = b.heard
      .map((h) => h.bytes[1])
      .slice(0, 40)
      .flatMap((mark, i) => (mark === 201 ? [i] : []));
    expect(bulk).toEqual([9, 19, 29, 39]);
  });
});

describe('others on the channel', () => {
  test('a carrier holds a message up for seconds, not for ever', async () => {
    const a = await town.site('A');
    await town.run(60_000); // the noise floor is known
    const jam = jammer();
    await town.run(20);
    const begun = town.now;
    const submission = await a.send([frame(FIRST.plain, 20)]);
    jam.cancel();
    expect(endOf(submission) - begun).toBeGreaterThan(9000);
    expect(endOf(submission) - begun).toBeLessThan(12_000);
    expect(a.box.counters.get('link.disbelieved-loud')).toBe(1);
  });

  /** A transmitter of another spreading factor that never stops: no preamble here, a level only. */
  function jammer() {
    const port = town.roof.air.attach({ name: 'jammer', arrive: () => {} });
    let on = true;
    const send = (startMs: number) => {
      if (!on) return;
      const { endMs } = port.transmit({
        startMs,
        frequencyHz: EU868.frequencyHz,
        crystalPpm: 0,
        powerDbm: 20,
        bytes: new Uint8Array(255),
        modulation: {
          ...{ bandwidthHz: 125_000, spreadingFactor: 12, codingRate: 8, preambleSymbols: 8, syncWord: 0x34 },
          ...{ implicitHeader: false, crc: true, invertedIq: false, lowDataRate: true },
        },
      });
      port.agenda.at(endMs, send);
    };
    send(port.agenda.now());
    return {
      cancel: () => {
        on = false;
      },
    };
  }
});

describe('the transceiver', () => {
  test('fails mid-burst: the burst is refused, and the next message goes out', async () => {
    const [a, b] = [await town.site('A'), await town.site('B')];
    let asked = 0;
    const burst = await a.send([], {
      estimatedBytes: 100,
      next: () => {
        asked++;
        if (asked === 2) a.box.chip.faults.endlessTransmit = 'until-reset';
        return asked > 4 ? undefined : frame(FIRST.burst, 100, asked);
      },
    });
    expect(burst).toEqual({ sent: false, refused: 'radio' });
    expect(asked).toBe(2);
    expect(await a.send([frame(FIRST.plain, 30)])).toMatchObject({ sent: true });
    await town.run(100);
    expect(b.heard.map((h) => h.bytes.length)).toEqual([100, 30]);
    // both frames count: the second may have been out
    expect(a.medium.status.airtimeUsedMs).toBeCloseTo(2 * a.medium.airtime(100) + a.medium.airtime(30), 2);
  });

  test('is gone for long: what waits is refused in bounded time, and all is well when it is back', async () => {
    const a = await town.site('A');
    a.box.chip.faults.bus = 'floating';
    await town.run(5000);
    expect(await a.send([frame(FIRST.plain, 30)])).toEqual({ sent: false, refused: 'radio' });
    a.box.chip.faults.bus = 'off';
    await town.run(70_000);
    expect(await a.send([frame(FIRST.plain, 30)])).toMatchObject({ sent: true });
  });
});

describe('stopping', () => {
  test('lets the frame under way end and refuses the rest', async () => {
    const a = await town.site('A');
    const first = a.submit([frame(FIRST.plain, 200)]);
    const second = a.submit([frame(FIRST.plain, 200)]);
    await town.roof.simulation.until(() => town.roof.air.agenda.now() > 0 && started(a), 5000);
    const stopped = a.medium.stop();
    await town.roof.simulation.resolve(stopped, 5000);
    expect(await first).toMatchObject({ sent: true });
    expect(await second).toEqual({ sent: false, refused: 'stopped' });
    expect(await a.submit([frame(FIRST.plain, 20)])).toEqual({ sent: false, refused: 'stopped' });
  });

  /** A frame of the site's is on the air. */
  function started(site: Site): boolean {
    return site.medium.status.airtimeUsedMs > 0;
  }
});

describe('a profile', () => {
  test.each([
    [
      'radiates too much',
      { ...EU868, powerDbm: 20, frequencyHz: 868_100_000 },
      'EU868',
      /lower the power to 14/,
    ],
    ['lies between sub-bands', { ...EU868, frequencyHz: 869_300_000 }, 'EU868', /does not lie within/],
    ['has too small an mtu', { ...EU868, frequencyHz: 915e6, spreadingFactor: 9 }, 'US915', /400 ms/],
  ])('that %s is refused with the reason', async (_what, settings, name, reason) => {
    const refused = town.site('A', { settings, region: region(name) });
    await expect(refused).rejects.toThrow(PersonError);
    await expect(refused).rejects.toThrow(reason);
  });

  test('under a dwell limit has a smaller mtu', async () => {
    const settings = { ...EU868, frequencyHz: 915e6, bandwidthHz: 500_000, spreadingFactor: 10 };
    await expect(town.site('A', { settings, region: region('US915') })).rejects.toThrow(/174 bytes/);
    const b = await town.site('B', {
      settings: { ...settings, spreadingFactor: 9 },
      region: region('US915'),
    });
    expect(b.medium.mtu).toBe(255);
    expect(b.medium.status.airtimeAllowedMs).toBeUndefined();
  });
});
