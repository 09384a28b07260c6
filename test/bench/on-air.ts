/** Bytes and time on air of one message between two neighbours, everything included, against the physical minimum. */
import { timeOnAirMs } from '../../drivers/sx127x/time-on-air.ts';
import { SF7, World } from '../world.ts';
import { english, noise } from './texts.ts';

export interface Cost {
  readonly bytes: number;
  readonly airtimeMs: number;
  /** From `send` to *delivered* at the sender. */
  readonly deliveredMs: number;
}

export interface Row {
  readonly what: string;
  readonly spreadingFactor: number;
  /** The first message between the two: announces heard, no session yet. */
  readonly first: Cost;
  /** The same again in the session that stands then. */
  readonly next: Cost;
  /** The text's bytes alone in 255-byte frames. */
  readonly minimum: { readonly bytes: number; readonly airtimeMs: number };
}

export async function onAir(): Promise<Row[]> {
  const rows: Row[] = [];
  const texts = [
    ['100 B English', english(100)],
    ['100 B random', noise(100)],
    ['1,024 B English', english(1024)],
    ['1,024 B random', noise(1024)],
  ] as const;
  for (const spreadingFactor of [7, 10])
    for (const [what, text] of texts) rows.push(await measure(what, spreadingFactor, text));
  return rows;
}

async function measure(what: string, spreadingFactor: number, text: string): Promise<Row> {
  const settings = { ...SF7, spreadingFactor };
  const world = new World({ settings });
  const [a, b] = await world.boxes('a', 'b');
  await world.settle(a.node.addContact('b', b.contact));
  await world.sim.run(20_000); // both have announced themselves
  let bytes = 0;
  let airtimeMs = 0;
  world.air.onTransmission.on((t) => {
    bytes += t.bytes.length;
    airtimeMs += t.endMs - t.startMs;
  });
  const cost = async (): Promise<Cost> => {
    [bytes, airtimeMs] = [0, 0];
    const started = world.sim.monotonic();
    const { id } = await world.settle(a.node.send('b', text));
    const delivered = () => a.node.outbox().some((m) => m.id === id && m.state === 'delivered');
    await world.sim.until(delivered, 600_000, 'delivery');
    const deliveredMs = world.sim.monotonic() - started;
    await world.sim.run(5_000);
    return { bytes, airtimeMs, deliveredMs };
  };
  const first = await cost();
  const next = await cost();
  await world.end();
  const frames = [...Array(Math.floor(text.length / 255)).fill(255), text.length % 255].filter((n) => n > 0);
  const minimum = {
    bytes: text.length,
    airtimeMs: frames.reduce((sum, n) => sum + timeOnAirMs(settings, n), 0),
  };
  return { what, spreadingFactor, first, next, minimum };
}
