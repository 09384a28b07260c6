import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startForeignTraffic } from '../../../drivers/sim/foreign.ts';
import { PersonError } from '../../../src/core/errors.ts';
import { uniform } from '../../../src/core/random.ts';
import { HOUR_MS } from '../../../src/link/lora/ledger.ts';
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
  /** A asks; B answers `afterMs` later; C overhears and has something to say itself. */
  async function exchange(afterMs: number, lossDb: number) {
    const [a, b, c] = [await town.site('A'), await town.site('B'), await town.site('C')];
    town.roof.air.setLoss('B', 'C', lossDb);
    b.medium.onFrame.on(({ bytes, reception }) => {
      const answer = () =>
        b.submit([frame(FIRST.plain, 40, 1)], { priority: 0, answerUntil: reception.at + 150 });
      if (bytes[0] === FIRST.asking) town.roof.simulation.after(afterMs, answer);
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
    const { a, asked, answer } = await exchange(0, 100);
    expect(answer?.from).toBe('B');
    expect((answer?.startMs as number) - asked).toBeLessThan(30);
    expect(a.heard[0]?.bytes).toEqual(frame(FIRST.plain, 40, 1));
  });

  test('is deferred to by those who overhear what asked for it, and cannot hear it', async () => {
    const { answer, others, own } = await exchange(140, Number.POSITIVE_INFINITY);
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
  test('ten boxes with a load of 0.6 all get their frames out, and most of them in', async () => {
    const sites: Site[] = [];
    for (let i = 0; i < 10; i++) sites.push(await town.site(`box ${i}`));
    const results: Promise<Submission>[] = [];
    const random = town.roof.simulation.random.fork('messages');
    const meanMs = (10 * (sites[0] as Site).medium.airtime(100)) / 0.6;
    const pause = () => -Math.log(1 - uniform(random)) * meanMs;
    for (const site of sites)
      for (let at = pause(); at < 60_000; at += pause())
        town.roof.simulation.after(at, () => results.push(site.submit([frame(FIRST.plain, 100)])));
    await town.run(100_000);
    const sent = (await Promise.all(results)).filter((r) => r.sent);
    expect(results.length).toBeGreaterThan(150);
    expect(sent).toHaveLength(results.length);
    const heard = sites.reduce((sum, s) => sum + s.heard.length, 0) / (9 * results.length);
    expect(heard).toBeGreaterThan(0.9);
  });

  test('ten boxes that always have something to say share the channel', async () => {
    const sites: Site[] = [];
    for (let i = 0; i < 10; i++) sites.push(await town.site(`box ${i}`));
    let done = false;
    for (const site of sites) {
      const again = (): void => {
        if (!done) void site.submit([frame(FIRST.plain, 100)]).then(again);
      };
      again();
    }
    await town.run(180_000);
    done = true;
    const shares = sites.map((s) => s.medium.status.sent.frames);
    const all = shares.reduce((sum, n) => sum + n, 0);
    expect(all * (sites[0] as Site).medium.airtime(100)).toBeGreaterThan(0.6 * 180_000);
    for (const share of shares) expect(share / all).toBeGreaterThan(0.04);
    const heard = sites.reduce((sum, s) => sum + s.heard.length, 0) / (9 * all);
    expect(heard).toBeGreaterThan(0.85);
    expect((sites[0] as Site).medium.status.occupancy).toBeGreaterThan(0.5);
  });

  test('foreign frames nobody here can read are waited for', async () => {
    const a = await town.site('A');
    await town.run(60_000);
    const stop = startForeignTraffic(town.roof.air, town.roof.simulation.random.fork('foreign'), {
      occupancy: 0.5,
      spreadingFactors: [7, 9],
    });
    let clean = 0;
    for (let i = 0; i < 40; i++) {
      const submission = await a.send([frame(FIRST.plain, 50)]);
      expect(submission.sent).toBe(true);
      await town.run(2000);
      const own = town.roof.sent.findLast((t) => t.from === 'A');
      const over = town.roof.sent.some(
        (t) => t.from !== 'A' && own && t.startMs < own.startMs && own.startMs < t.endMs,
      );
      if (!over) clean++;
    }
    stop();
    expect(clean).toBeGreaterThanOrEqual(38);
  });

  test('a carrier holds a message up for seconds, not for ever, and the next one less', async () => {
    const a = await town.site('A');
    await town.run(60_000); // the noise floor is known
    const stop = startJammer();
    await town.run(20);
    const waits: number[] = [];
    for (let i = 0; i < 2; i++) {
      const begun = town.now;
      waits.push(endOf(await a.send([frame(FIRST.plain, 20)])) - begun);
    }
    stop();
    expect(waits[0]).toBeGreaterThan(9000);
    expect(waits[0]).toBeLessThan(13_000);
    expect(waits[1]).toBeLessThan(2000);
    expect(a.box.counters.get('link.disbelieved-loud')).toBe(1);
  });

  /** A transmitter of another spreading factor that never stops: no preamble here, a level only. */
  function startJammer(powerDbm = 20): () => void {
    const port = town.roof.air.attach({ name: 'jammer', arrive: () => {} });
    let on = true;
    const send = (startMs: number) => {
      if (!on) return;
      const { endMs } = port.transmit({
        startMs,
        frequencyHz: EU868.frequencyHz,
        crystalPpm: 0,
        powerDbm,
        bytes: new Uint8Array(255),
        modulation: {
          ...{ bandwidthHz: 125_000, spreadingFactor: 12, codingRate: 8, preambleSymbols: 8, syncWord: 0x34 },
          ...{ implicitHeader: false, crc: true, invertedIq: false, lowDataRate: true },
        },
      });
      port.agenda.at(endMs, send);
    };
    send(port.agenda.now());
    return () => {
      on = false;
    };
  }

  test('where the law wants the channel heard first, a level above its threshold silences even answers', async () => {
    const settings = { ...EU868, frequencyHz: 869_525_000 };
    const europe = region('EU868');
    const listening = {
      ...europe,
      subBands: europe.subBands.map((s) => ({ ...s, listenBeforeTalk: { thresholdDbm: -85, ms: 5 } })),
    };
    const a = await town.site('A', { settings, region: listening });
    expect(await a.send([frame(FIRST.plain, 20)])).toMatchObject({ sent: true });
    const before = town.roof.sent.length;
    const stop = startJammer();
    await town.run(20);
    const answer = await a.send([frame(FIRST.plain, 20)], { answerUntil: town.now + 150 });
    stop();
    expect(answer).toEqual({ sent: false, refused: 'law' });
    expect(town.roof.sent.slice(before).filter((t) => t.from === 'A')).toEqual([]);
  });
});

describe('the law', () => {
  /** The most airtime of `A…` in any hour of what was really on the air, ms. */
  function worstHour(): number {
    const own = town.roof.sent.filter((t) => t.from.startsWith('A'));
    const spentBefore = (end: number) =>
      own
        .filter((t) => t.endMs <= end && t.endMs > end - HOUR_MS)
        .reduce((sum, t) => sum + Math.min(t.endMs - t.startMs, t.endMs - (end - HOUR_MS)), 0);
    return Math.max(...own.map((t) => spentBefore(t.endMs)));
  }

  /** 36 s an hour; frames of seconds, so that hours are few events. */
  const SLOW = { ...EU868, frequencyHz: 868_100_000, spreadingFactor: 12, powerDbm: 14 };

  test('messages wait for the allowance; bulk and control do not wait so long', async () => {
    const a = await town.site('A', { settings: SLOW });
    const each = a.medium.airtime(100);
    const [bulk, message, control] = [
      Array.from({ length: 16 }, () => a.submit([frame(FIRST.plain, 100)], { priority: 3 })),
      Array.from({ length: 16 }, () => a.submit([frame(FIRST.plain, 100)], { priority: 1 })),
      Array.from({ length: 16 }, () => a.submit([frame(FIRST.plain, 100)], { priority: 0 })),
    ];
    await town.run(2 * 60_000);
    expect(town.roof.sent).toHaveLength(Math.floor(36_000 / each));
    const refused = { sent: false, refused: 'law' };
    const controls = await town.roof.simulation.resolve(Promise.all(control), 1000);
    expect(controls.filter((s) => !s.sent)).toEqual(Array(16 - Math.floor(36_000 / each)).fill(refused));
    const bulks = await town.roof.simulation.resolve(Promise.all(bulk), 10 * 60_000);
    expect(bulks.every((s) => !s.sent && s.refused === 'law')).toBe(true);
    const messages = await town.roof.simulation.resolve(Promise.all(message), 2 * HOUR_MS);
    expect(messages.filter((s) => s.sent).length).toBeGreaterThan(4);
    expect(worstHour()).toBeLessThanOrEqual(36_000);
  });

  test('is kept over hours and power cuts, and the allowance is used', async () => {
    let cuts = 0;
    for (; cuts < 5; cuts++) {
      const a = await town.site(`A${cuts}`, { settings: SLOW }, 'disk of A');
      const again = (): void => {
        void a.submit([frame(FIRST.burst, 120), frame(FIRST.asking, 60)]).then((s) => {
          if (s.sent) again();
        });
      };
      again();
      await town.run(55 * 60_000 + cuts * 61_234);
      await a.crash();
      await town.run(60_000);
    }
    expect(worstHour()).toBeLessThanOrEqual(36_000);
    expect(worstHour()).toBeGreaterThan(25_000);
  });

  test('cuts a burst between frames where the hour is used up', async () => {
    const a = await town.site('A', { settings: { ...SLOW, frequencyHz: 868_900_000, spreadingFactor: 9 } });
    expect(a.medium.status.airtimeAllowedMs).toBe(3600);
    const burst = await a.send(Array.from({ length: 8 }, () => frame(FIRST.burst, 200)));
    // another is built while the longest there may be still fits
    const fits = 1 + Math.floor((3600 - a.medium.airtime(255)) / a.medium.airtime(200));
    expect(burst).toMatchObject({ sent: true, frames: fits });
    expect(a.box.counters.get('link.burst-cut')).toBe(1);
  });
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
    [
      'has too small an mtu',
      { ...EU868, frequencyHz: 922e6, spreadingFactor: 9, powerDbm: 13 },
      'AS923',
      /400 ms/,
    ],
    ['is too narrow', { ...EU868, frequencyHz: 915e6 }, 'US915', /only from 500 kHz on/],
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
