/** docs/protocol/link.md, "After a restart": whatever a power cut or an old database brings back, no nonce comes twice. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type NodeId, nodeIdFrom } from '../../src/identity/node-id.ts';
import { readFrame, type SharedForm } from '../../src/link/frame.ts';
import { decodeKeyOffer } from '../../src/link/neighbourhood.ts';
import { OverheardNeighbourhoods } from '../../src/link/overheard-neighbourhoods.ts';
import { RECORD } from '../../src/link/records.ts';
import type { Live } from '../../src/link/sessions.ts';
import { Simulation } from '../simulation.ts';
import { KeptBox } from './kept-box.ts';
import { Party, seal } from './pairs.ts';

const HOUR = 3_600_000;

/** A while of a box's life: frames are sealed, time passes, and it may end in a restart. */
const span = fc.record({
  isDiskFull: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  frames: fc.constantFrom(1, 20, 300, 700),
  ms: fc.constantFrom(5, 1000, 5000, HOUR),
  isCopied: fc.boolean(),
  end: fc.constantFrom('goes on', 'stops', 'is cut', 'is cut', 'gets an old database back'),
  which: fc.nat(),
});
const spans = fc.array(span, { minLength: 3, maxLength: 8 });
type Span = typeof span extends fc.Arbitrary<infer T> ? T : never;

/** Lives of one box: `use` seals so many frames now. */
async function live(
  box: KeptBox,
  sim: Simulation,
  plan: readonly Span[],
  use: (frames: number) => Promise<void>,
) {
  await box.start();
  const copies: string[] = [];
  for (const { end, frames, isCopied, isDiskFull, ms, which } of plan) {
    box.free = isDiskFull ? 0 : 2 ** 40;
    await use(frames);
    await sim.run(ms);
    await use(1);
    if (isCopied) copies.push(box.copy());
    if (end === 'goes on') continue;
    if (end === 'stops') await box.stop();
    else await box.pullThePlug();
    const copy = copies[which % Math.max(copies.length, 1)];
    if (end === 'gets an old database back' && copy) box.putBack(copy);
    box.free = 2 ** 40;
    await box.start();
  }
  await use(3);
  await box.pullThePlug();
}

describe('over seals, lost saves, power cuts and old databases', () => {
  test('no session seals twice under one nonce, and each of its frames is new to the neighbour', async () => {
    let resumed = 0;
    await fc.assert(
      fc.asyncProperty(spans, async (plan) => {
        const sim = new Simulation();
        const box = new KeptBox(sim, 'a');
        const neighbour = new Party('b');
        const used = new Set<string>();
        const known = new Set<Live>();
        const begin = (): Live => {
          const { sessions } = box.is;
          const now = sim.monotonic();
          const message1 = sessions.begin(neighbour.id, neighbour.identity.publicKey, now)?.message1;
          const message2 = message1 && neighbour.respond(message1, now);
          const form = message2 && typeof message2 !== 'string' ? readFrame(message2) : undefined;
          const begun =
            form && typeof form !== 'string' && form.form === 'message-2' && sessions.finish(form, now);
          if (!begun) throw new Error('no session');
          return begun;
        };
        await live(box, sim, plan, async (frames) => {
          for (let i = 0; i < frames; i++) {
            const current = box.is.sessions.current(neighbour.id, sim.monotonic());
            if (current && !known.has(current)) resumed++;
            const to = current ?? begin();
            known.add(to);
            const n = to.session.sent;
            const name = `${to.index} ${to.session.remoteIndex} ${n}`;
            expect(used.has(name), name).toBe(false);
            used.add(name);
            const opened = neighbour.open(seal(to.session, 'x', sim.monotonic()), sim.monotonic());
            // the keys of an old database may be from before the last change of keys
            if (typeof opened === 'string') expect(opened).toMatch(/noise|other/);
            else to.session.acknowledged(opened.n);
            if (typeof opened !== 'string') expect(opened.n).toBe(n);
            if (i % 100 === 99) await sim.run(50);
          }
        });
      }),
      { numRuns: 20 },
    );
    expect(resumed).toBeGreaterThan(0);
  }, 60_000);

  test('each shared frame opens at a neighbour that has heard those before', async () => {
    let resumed = 0;
    await fc.assert(
      fc.asyncProperty(spans, async (plan) => {
        const sim = new Simulation();
        const box = new KeptBox(sim, 'a');
        const id: NodeId = nodeIdFrom(new Uint8Array(16).fill(2));
        const neighbour = new OverheardNeighbourhoods();
        let index = 0;
        let starts: unknown;
        await live(box, sim, plan, async (frames) => {
          const { memory, ours } = box.is;
          if (ours.index === index && starts !== ours) resumed++;
          starts = ours;
          const member = ours.admit(id);
          // handed over again only where it is another key
          const offer = member && ours.index !== index && decodeKeyOffer(ours.offer(member, false).body);
          if (offer) neighbour.add(box.identity.nodeId, offer);
          index = ours.index;
          memory.changed();
          for (let i = 0; i < frames; i++) {
            if (ours.spent) return;
            const frame = ours.seal([{ type: RECORD.digest, body: new Uint8Array(1) }], sim.monotonic());
            const opened = neighbour.open(readFrame(frame) as SharedForm);
            expect(typeof opened === 'string' ? opened : 'opened').toBe('opened');
            if (i % 100 === 99) await sim.run(50);
          }
        });
      }),
      { numRuns: 20 },
    );
    expect(resumed).toBeGreaterThan(0);
  }, 60_000);
});
