/** The allowance's record in the database: one entry per sub-band, rewritten as blocks are reserved. */
import { decode, Writer } from '../../core/bytes.ts';
import { text } from '../../db/codecs.ts';
import { DamagedRecord, type Db, type TableSpec } from '../../db/db.ts';
import type { Spent } from './ledger.ts';
import type { Allowance, AllowanceStore } from './limiter.ts';

/** `ranMs u64 | reserved µs u32 | (at ms u64 | µs u32)…`. Rounded so that nothing spent comes out older than it is. */
const ALLOWANCES: TableSpec<string, Allowance> = {
  name: 'link.allowances',
  key: text,
  value: { encode: encodeAllowance, decode: decodeAllowance },
  damaged: 'thrown',
};

export function allowanceStore(db: Db): AllowanceStore {
  const table = db.table(ALLOWANCES);
  return {
    load(band) {
      const allowance = db.read((tx) => tx.get(table, band));
      if (!allowance && db.setAside !== undefined)
        throw new DamagedRecord(ALLOWANCES.name, `${band} was lost with the database`);
      return allowance;
    },
    // rewritten in place, and without it a box whose disk is full could not even say so
    save: (band, allowance) => db.commit((tx) => tx.put(table, band, allowance), { housekeeping: true }),
  };
}

/** Exported for its golden bytes. */
export function encodeAllowance(allowance: Allowance): Uint8Array {
  const w = new Writer(12 + 12 * allowance.spent.length);
  w.u64(BigInt(Math.floor(allowance.ranMs))).u32(allowance.reserved);
  for (const { at, micros } of allowance.spent) w.u64(BigInt(Math.ceil(at))).u32(micros);
  return w.bytes();
}

/** Throws where the bytes are not an allowance: the database is damaged. */
export function decodeAllowance(bytes: Uint8Array): Allowance {
  const allowance = decode(bytes, (r) => {
    const ranMs = Number(r.u64());
    const reserved = r.u32();
    const spent: Spent[] = [];
    while (r.left > 0) spent.push({ at: Number(r.u64()), micros: r.u32() });
    return { ranMs, spent, reserved };
  });
  if (!allowance) throw new RangeError('not the record of an allowance');
  return allowance;
}
