#!/usr/bin/env node
/** The air as a process of its own: `node dist/drivers/sim/hub-main.js SOCKET [options]`. */
import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { parseArgs } from 'node:util';
import { messageOf, PersonError } from '../../src/core/errors.ts';
import { SeededRandom, SystemRandom } from '../../src/core/random.ts';
import { Air } from './air.ts';
import { startForeignTraffic } from './foreign.ts';
import { HubClock } from './hub-clock.ts';
import { HubServer } from './hub-server.ts';

const USAGE = `usage: node hub-main.js SOCKET [options]
  --loss DB           path loss between all radios (100)
  --loss A:B=DB       path loss between two radios, both ways
  --one-way A:B=DB    path loss of what B hears of A
  --fading DB         standard deviation of its slow wandering (0)
  --occupancy SHARE   foreign traffic on --frequency, 0 to below 1 (0)
  --frequency HZ      of the foreign traffic (869525000)
  --seed TEXT         for a run that can be repeated`;

const OPTIONS = {
  loss: { type: 'string', multiple: true },
  'one-way': { type: 'string', multiple: true },
  fading: { type: 'string' },
  occupancy: { type: 'string' },
  frequency: { type: 'string' },
  seed: { type: 'string' },
  help: { type: 'boolean' },
} as const;

async function main(): Promise<void> {
  const { values, path } = readArguments();
  if (values.help) {
    console.log(USAGE);
    return;
  }
  if (path === undefined) throw new PersonError('usage', USAGE);
  const clock = new HubClock();
  const random = values.seed === undefined ? new SystemRandom() : new SeededRandom(values.seed);
  const losses = (values.loss ?? []).map(readLoss);
  const common = losses.find((l) => l.from === undefined)?.lossDb ?? 100;
  const fadingDb = readNumber('--fading', values.fading ?? '0');
  const air = new Air({ clock, random, lossDb: common, fadingDb });
  for (const { from, to, lossDb } of losses)
    if (from !== undefined && to !== undefined) air.setLoss(from, to, lossDb);
  for (const { from, to, lossDb } of (values['one-way'] ?? []).map(readLoss))
    if (from !== undefined && to !== undefined) air.setOneWayLoss(from, to, lossDb);
  const occupancy = readNumber('--occupancy', values.occupancy ?? '0');
  const frequencyHz = readNumber('--frequency', values.frequency ?? '869525000');
  if (occupancy < 0 || occupancy >= 1)
    throw new PersonError('usage', '--occupancy is a share of time: give a number from 0 to below 1.');
  const stopForeign = occupancy > 0 ? startForeignTraffic(air, random, { occupancy, frequencyHz }) : () => {};
  const server = new HubServer(air, clock);
  await bind(server, path);
  console.log(`air: listening on ${path}`);
  const stop = () => {
    stopForeign();
    void server.close();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
    return { values, path: positionals[0] };
  } catch (e) {
    throw new PersonError('usage', `${messageOf(e)}\n${USAGE}`);
  }
}

interface Loss {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly lossDb: number;
}

/** `DB` or `A:B=DB`. */
function readLoss(text: string): Loss {
  const match = /^(?:([\w.-]+):([\w.-]+)=)?(.+)$/.exec(text);
  return { from: match?.[1], to: match?.[2], lossDb: readNumber('--loss', match?.[3] ?? '') };
}

function readNumber(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value))
    throw new PersonError('usage', `${option} needs a number, not "${text}".`);
  return value;
}

/** Takes the place of a hub that was killed, never of one that runs. */
async function bind(server: HubServer, path: string): Promise<void> {
  try {
    await server.listen(path);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw e;
    if (await answers(path))
      throw new PersonError(
        'air-running',
        `An air is already listening on ${path}: stop it or name another.`,
      );
    rmSync(path);
    await server.listen(path);
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
}

main().catch((e: unknown) => {
  console.error(e instanceof PersonError ? e.message : e);
  process.exitCode = 2;
});
