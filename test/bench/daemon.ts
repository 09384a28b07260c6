/** A real `nexusd` on a simulated radio: how soon it is ready and what it holds of memory. */
import { readFileSync } from 'node:fs';
import { Town } from '../demo/processes.ts';

export interface Footprint {
  /** Until the line `ready`, of each start. */
  readonly startsMs: readonly number[];
  readonly rssMb: number;
  /** Private memory: RSS without what is mapped from files. */
  readonly rssAnonMb: number;
}

export async function footprint(): Promise<Footprint> {
  const town = new Town();
  try {
    await town.startAir();
    const box = town.box('A');
    const startsMs: number[] = [];
    for (let i = 0; i < 5; i++) {
      const began = performance.now();
      const daemon = await box.start();
      startsMs.push(performance.now() - began);
      await daemon.stop();
    }
    const daemon = await box.start();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const status = readFileSync(`/proc/${daemon.process.pid}/status`, 'utf8');
    const mb = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
    return { startsMs, rssMb: mb('VmRSS'), rssAnonMb: mb('RssAnon') };
  } finally {
    await town.end();
  }
}
