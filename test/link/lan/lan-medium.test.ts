/** docs/protocol/link.md, "The LAN": connections between boxes under virtual time, and what hostile ones get. */
import { describe, expect, test } from 'vitest';
import { toHex } from '../../../src/core/bytes.ts';
import { Counters } from '../../../src/core/counters.ts';
import { silent } from '../../../src/core/log.ts';
import { encodeLanBeacon } from '../../../src/link/lan/beacon.ts';
import { framed, MTU, preamble } from '../../../src/link/lan/framing.ts';
import { LanMedium, type LanOptions } from '../../../src/link/lan/lan-medium.ts';
import type { Submission } from '../../../src/link/medium.ts';
import { SimNet } from '../../sim-net.ts';
import { Simulation } from '../../simulation.ts';

const PORT = 27182;
const STRANGER = preamble(new Uint8Array(8).fill(0xee));

class Host {
  readonly medium: LanMedium;
  readonly counters: Counters;
  /** Frames as they came, in hex, and by which connection. */
  readonly heard: string[] = [];
  readonly changes: string[] = [];
  /** As the link does: a connection is proven by the first frame that comes, and is of one node or of another. */
  proves = true;
  ownerOf: (frame: Uint8Array) => string = () => 'neighbour';

  constructor(medium: LanMedium, counters: Counters) {
    this.medium = medium;
    this.counters = counters;
    medium.onFrame.on(({ bytes, reception }) => {
      this.heard.push(toHex(bytes));
      if (this.proves) medium.connections.prove(reception.via ?? '', this.ownerOf(bytes), false);
    });
    medium.connections.onChange.on(({ up }) => this.changes.push(up ? 'up' : 'down'));
  }

  send(frame: Uint8Array, via?: string, answerUntil?: number): Promise<Submission> {
    const frames = [frame];
    return this.medium.submit({
      ...{ priority: 0, fairnessKey: undefined, via, estimatedBytes: frame.length },
      ...(answerUntil === undefined ? {} : { answerUntil }),
      next: () => frames.shift(),
    });
  }
}

class Lan {
  readonly sim: Simulation;
  readonly net: SimNet;
  constructor(seed: number | string = 1) {
    this.sim = new Simulation(seed, { creepMs: 1e-4 });
    this.net = new SimNet(this.sim);
  }

  /** Listens, and dials the hosts named. */
  async host(name: string, peers: readonly string[] = [], options: Partial<LanOptions> = {}): Promise<Host> {
    const counters = new Counters();
    const random = this.sim.random.fork(`${name} ${this.sim.monotonic()}`);
    const opening = LanMedium.open(
      {
        listen: { host: name, port: PORT },
        peers: peers.map((host) => ({ host, port: PORT })),
        multicast: false,
        ...options,
      },
      { net: this.net.host(name), clock: this.sim, random, counters, log: silent },
    );
    return new Host(await this.sim.resolve(opening, 1_000), counters);
  }

  /** Two that are connected, and know it. */
  async pair(): Promise<{ a: Host; b: Host }> {
    const a = await this.host('a');
    const b = await this.host('b', ['a']);
    await this.sim.run(100);
    await this.exchange(a, b);
    return { a, b };
  }

  async exchange(a: Host, b: Host): Promise<void> {
    await this.resolve(a.send(Uint8Array.of(1)));
    await this.resolve(b.send(Uint8Array.of(2)));
    await this.sim.run(10);
  }

  resolve<T>(promise: Promise<T>): Promise<T> {
    return this.sim.resolve(promise, 60_000);
  }
}

const connections = (...hosts: Host[]) => hosts.map((h) => h.medium.status.connections);

describe('two boxes', () => {
  test('of which one dials carry frames both ways', async () => {
    const lan = new Lan();
    const { a, b } = await lan.pair();
    expect([a.heard, b.heard]).toEqual([['02'], ['01']]);
    expect([a.changes, b.changes]).toEqual([['up'], ['up']]);
  });

  test('that both dial keep one connection, the same', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const lan = new Lan(seed);
      const a = await lan.host('a', ['b']);
      const b = await lan.host('b', ['a']);
      await lan.sim.run(5_000);
      await lan.exchange(a, b);
      await lan.exchange(a, b);
      await lan.sim.run(60_000);
      expect(connections(a, b)).toEqual([1, 1]);
      a.heard.length = 0;
      await lan.exchange(a, b);
      expect(a.heard).toEqual(['02']);
    }
  });

  test('a frame goes by the connection named, or by all', async () => {
    const lan = new Lan();
    const a = await lan.host('a');
    const [b, c] = [await lan.host('b', ['a']), await lan.host('c', ['a'])];
    let toB = '';
    a.medium.onFrame.on(({ bytes, reception }) => {
      if (bytes[0] === 0xbb) toB = reception.via ?? '';
    });
    await lan.sim.run(100);
    await lan.resolve(b.send(Uint8Array.of(0xbb)));
    await lan.sim.run(10);
    await lan.resolve(a.send(Uint8Array.of(7), toB));
    await lan.resolve(a.send(Uint8Array.of(8)));
    await lan.sim.run(10);
    expect([b.heard, c.heard]).toEqual([['07', '08'], ['08']]);
  });

  test('say nothing for a week and are still connected', async () => {
    const lan = new Lan();
    const { a, b } = await lan.pair();
    await lan.sim.run(7 * 24 * 3_600_000);
    expect([a.changes, b.changes]).toEqual([['up'], ['up']]);
  });

  test('that lose each other silently know it within 45 s and are together again soon after', async () => {
    const lan = new Lan();
    const { a, b } = await lan.pair();
    lan.net.part('a', 'b');
    await lan.sim.run(60_000);
    expect([a.changes, b.changes]).toEqual([
      ['up', 'down'],
      ['up', 'down'],
    ]);
    expect(a.counters.get('lan.dropped.silent')).toBe(1);
    await lan.sim.run(600_000);
    lan.net.join('a', 'b');
    await lan.sim.run(100_000);
    expect([a.changes.at(-1), b.changes.at(-1)]).toEqual(['up', 'up']);
    await lan.exchange(a, b);
    expect(connections(a, b)).toEqual([1, 1]);
  });

  test('of which one loses its power are together again when it is back, without waiting for the old connection', async () => {
    const lan = new Lan();
    const { a, b } = await lan.pair();
    lan.net.powerCut('b');
    await b.medium.stop();
    const again = await lan.host('b', ['a']);
    await lan.sim.run(1_000);
    await lan.exchange(a, again);
    expect(again.heard).toEqual(['01']);
    await lan.sim.run(60_000);
    expect(connections(a, again)).toEqual([1, 1]);
  });

  test('a peer that is not there is dialled more and more seldom', async () => {
    const lan = new Lan();
    await lan.host('b', ['a']);
    await lan.sim.run(60_000);
    const first = lan.net.dials.length;
    expect(first).toBeGreaterThan(4);
    expect(first).toBeLessThan(12);
    await lan.sim.run(3_600_000);
    expect(lan.net.dials.length - first).toBeLessThan(80);
    await lan.host('a');
    await lan.sim.run(95_000);
    expect(lan.net.dials.length).toBeGreaterThan(first);
  });

  test('a peer that swallows the dialling is given up after 10 s', async () => {
    const lan = new Lan();
    lan.net.part('a', 'b');
    await lan.host('b', ['a']);
    await lan.sim.run(60_000);
    expect(lan.net.dials.length).toBeGreaterThan(2);
    expect(lan.net.dials.length).toBeLessThan(6);
  });

  test('a box that is told to dial itself does so once', async () => {
    const lan = new Lan();
    const a = await lan.host('a', ['a']);
    await lan.sim.run(600_000);
    expect(lan.net.dials).toEqual(['a>a:27182']);
    expect(connections(a)).toEqual([0]);
  });
});

describe('boxes that nobody has named', () => {
  test('find each other by beacons, with one connection for each pair', async () => {
    const lan = new Lan();
    const hosts: Host[] = [];
    for (const name of ['a', 'b', 'c', 'd']) hosts.push(await lan.host(name, [], { multicast: true }));
    await lan.sim.run(20_000);
    expect(connections(...hosts)).toEqual([3, 3, 3, 3]);
    expect(lan.net.dials).toHaveLength(6);
  });

  test('one that takes no connections dials those it hears', async () => {
    const lan = new Lan();
    const a = await lan.host('a', [], { multicast: true });
    const b = await lan.host('b', [], { multicast: true, listen: undefined });
    await lan.sim.run(40_000);
    expect(connections(a, b)).toEqual([1, 1]);
    expect(b.medium.status.port).toBeUndefined();
  });

  test('beacons that are none, or too many, are counted and cost few dials', async () => {
    const lan = new Lan();
    const a = await lan.host('a', [], { multicast: true });
    lan.net.datagram('evil', Uint8Array.of(1, 2, 3));
    for (let i = 0; i < 1_000; i++) {
      const instance = lan.sim.random.bytes(8);
      lan.net.datagram(`evil ${i % 200}`, encodeLanBeacon({ instance, port: 1 + i }));
    }
    await lan.sim.run(600_000);
    expect(a.counters.get('lan.refused.beacon')).toBe(1);
    expect(a.counters.get('lan.refused.too-many-found')).toBe(936);
    // each forgotten after three failures
    expect(lan.net.dials).toHaveLength(64 * 3);
  });
});

describe('what is submitted', () => {
  test('is refused where there is no connection, where it is late, and after the end', async () => {
    const lan = new Lan();
    const a = await lan.host('a');
    expect(await lan.resolve(a.send(Uint8Array.of(1)))).toEqual({ sent: false, refused: 'unconnected' });
    const { sim } = lan;
    await lan.host('b', ['a']);
    await sim.run(100);
    const late = await lan.resolve(a.send(Uint8Array.of(1), undefined, sim.monotonic() - 1));
    expect(late).toEqual({ sent: false, refused: 'late' });
    expect(await lan.resolve(a.send(Uint8Array.of(1), 'lan-99'))).toMatchObject({ refused: 'unconnected' });
    await lan.resolve(a.medium.stop());
    expect(await lan.resolve(a.send(Uint8Array.of(1)))).toEqual({ sent: false, refused: 'stopped' });
  });

  test('costs no airtime, and has room for an object that travels in one piece', async () => {
    const lan = new Lan();
    const { a, b } = await lan.pair();
    expect(a.medium.airtime(100)).toBeUndefined();
    const sent = await lan.resolve(a.send(new Uint8Array(MTU).fill(5)));
    expect(sent).toMatchObject({ sent: true, frames: 1, bytes: MTU, airtimeMs: 0 });
    await lan.sim.run(10);
    expect(b.heard.at(-1)).toHaveLength(2 * MTU);
  });

  test('is pushed back where the other end does not read, and others still get theirs', async () => {
    const lan = new Lan();
    const { a, b } = await lan.pair();
    const deaf = await lan.sim.resolve(lan.net.stranger('deaf', { host: 'a', port: PORT }), 1_000);
    deaf.write(STRANGER);
    deaf.write(framed(Uint8Array.of(9)));
    await lan.sim.run(10);
    deaf.reads = false;
    let sent = 0;
    const to = a.medium.connections.open.at(-1);
    while ((await lan.resolve(a.send(new Uint8Array(MTU), to))).sent) sent++;
    expect(sent).toBe(16);
    expect(a.counters.get('lan.refused-queue-full')).toBe(1);
    expect(await lan.resolve(a.send(Uint8Array.of(3)))).toMatchObject({ sent: true });
    await lan.sim.run(40_000);
    expect(b.heard.at(-1)).toBe('03');
    expect(a.counters.get('lan.dropped.not-reading')).toBe(1);
    expect(connections(a)).toEqual([1]);
  });
});

describe('a hostile peer', () => {
  const victim = async () => {
    const lan = new Lan();
    const { a, b } = await lan.pair();
    a.proves = false;
    const stranger = async (from = 'evil') =>
      lan.sim.resolve(lan.net.stranger(from, { host: 'a', port: PORT }), 1_000);
    /** The pair still speaks. */
    const unharmed = async () => {
      b.heard.length = 0;
      await lan.exchange(a, b);
      expect(b.heard).toEqual(['01']);
    };
    return { lan, a, b, stranger, unharmed };
  };

  test.each([
    ['garbage', new Uint8Array(5000).fill(0x47), 'lan.refused.preamble'],
    ['a frame too long', Uint8Array.of(...STRANGER, 0xff, 0xff), 'lan.refused.length'],
  ])('that sends %s is dropped at once', async (_what, bytes, counter) => {
    const { lan, a, stranger, unharmed } = await victim();
    const evil = await stranger();
    evil.write(bytes);
    await lan.sim.run(10);
    expect([evil.closed, a.counters.get(counter)]).toEqual([true, 1]);
    await unharmed();
  });

  test.each([
    ['that says nothing', [], 6_000, 'lan.dropped.no-preamble'],
    ['that stalls in its preamble', [0x4e, 0x58], 6_000, 'lan.dropped.no-preamble'],
    ['that stalls in a frame', [...STRANGER, 10, 0, 1], 11_000, 'lan.dropped.stalled'],
    ['that proves nothing', [...STRANGER, 1, 0, 1], 31_000, 'lan.dropped.unproven'],
  ])('%s is dropped in time', async (_what, bytes, ms, counter) => {
    const { lan, a, stranger, unharmed } = await victim();
    const evil = await stranger();
    if (bytes.length > 0) evil.write(Uint8Array.from(bytes));
    await lan.sim.run(ms);
    expect([evil.closed, a.counters.get(counter)]).toEqual([true, 1]);
    await unharmed();
  });

  test('that dribbles a frame, a byte now and then, is dropped in time', async () => {
    const { lan, a, stranger } = await victim();
    const evil = await stranger();
    evil.write(Uint8Array.of(...STRANGER, 0x00, 0x10));
    for (let s = 0; s < 12; s++) {
      evil.write(Uint8Array.of(1));
      await lan.sim.run(1_000);
    }
    expect([evil.closed, a.counters.get('lan.dropped.stalled')]).toEqual([true, 1]);
  });

  test('that floods frames which never open gets 64 of them read', async () => {
    const { lan, a, stranger, unharmed } = await victim();
    const evil = await stranger();
    evil.write(STRANGER);
    a.heard.length = 0;
    for (let i = 0; i < 1_000; i++) evil.write(framed(Uint8Array.of(0xff)));
    await lan.sim.run(100);
    expect(a.heard).toHaveLength(64);
    expect([evil.closed, a.counters.get('lan.dropped.unproven')]).toEqual([true, 1]);
    await unharmed();
  });

  test('that floods connections gets 8, from many addresses 64, and displaces no neighbour', async () => {
    const { lan, a, stranger, unharmed } = await victim();
    const open: { closed: boolean }[] = [];
    for (let i = 0; i < 20; i++) open.push(await stranger());
    await lan.sim.run(10);
    expect(open.filter((s) => !s.closed)).toHaveLength(8);
    for (let i = 0; i < 200; i++) {
      const evil = await stranger(`evil ${i}`);
      evil.write(STRANGER);
      open.push(evil);
    }
    await lan.sim.run(10);
    expect(open.filter((s) => !s.closed)).toHaveLength(63);
    expect(a.counters.get('lan.refused.too-many-connections')).toBe(12);
    await unharmed();
    // and a neighbour that comes now is let in
    const c = await lan.host('c', ['a']);
    await lan.sim.run(100);
    expect(connections(c)).toEqual([1]);
    await lan.sim.run(60_000);
    expect(open.filter((s) => !s.closed)).toHaveLength(0);
    await unharmed();
  });

  test('that claims the instance of a neighbour displaces nobody', async () => {
    const { lan, a, b, stranger, unharmed } = await victim();
    const evil = await stranger();
    // as it stands in that neighbour's own preamble
    const seen = await lan.sim.resolve(lan.net.stranger('spy', { host: 'b', port: PORT }), 1_000);
    await lan.sim.run(10);
    evil.write(Uint8Array.from(seen.heard.slice(0, 12)));
    seen.destroy();
    await lan.sim.run(10);
    await unharmed();
    a.proves = true;
    await lan.exchange(a, b);
    await lan.sim.run(10);
    expect(a.counters.get('lan.dropped.unproven') + a.counters.get('lan.dropped.superfluous')).toBeLessThan(
      2,
    );
    await lan.sim.run(40_000);
    expect([evil.closed, a.changes.at(0)]).toEqual([true, 'up']);
    await unharmed();
  });

  test('that claims the instance of a neighbour, and proves that it is somebody else, displaces nobody either', async () => {
    const { lan, a, b, stranger, unharmed } = await victim();
    const seen = await lan.sim.resolve(lan.net.stranger('spy', { host: 'b', port: PORT }), 1_000);
    await lan.sim.run(10);
    a.proves = true;
    a.ownerOf = ([first]) => (first === 0xee ? 'evil' : 'neighbour');
    await lan.exchange(a, b);
    const [honest] = a.medium.connections.open;
    for (let i = 0; i < 3; i++) {
      const evil = await stranger();
      evil.write(Uint8Array.from(seen.heard.slice(0, 12)));
      evil.write(framed(Uint8Array.of(0xee)));
      await lan.sim.run(20_000);
    }
    expect(a.medium.connections.open).toContain(honest);
    // of its own
    expect(a.counters.get('lan.dropped.superfluous')).toBe(2);
    await unharmed();
  });
});

test('after its end no timer runs and no connection is left', async () => {
  const lan = new Lan();
  const { a, b } = await lan.pair();
  await lan.resolve(b.medium.stop());
  await lan.sim.run(10);
  expect([a.changes.at(-1), connections(a, b)]).toEqual(['down', [0, 0]]);
  const dials = lan.net.dials.length;
  await lan.sim.run(3_600_000);
  expect(lan.net.dials).toHaveLength(dials);
});
