import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../db/directories.ts';
import { builtChild } from './children.ts';

const tracing = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;

// kill -9 proves nothing of this, because what was written outlives the process in the page cache
describe.skipIf(!tracing)('an acknowledged commit (seen by strace)', () => {
  it('is synced first, and then the meta page that makes it count is written through', () => {
    const directory = temporaryDirectory();
    const state = join(directory, 'state');
    mkdirSync(state);
    const trace = join(directory, 'trace');
    const calls = 'trace=openat,write,pwrite64,pwritev,fdatasync,fsync,rename';
    const child = [process.execPath, builtChild('db-three'), state];
    const { status, stderr } = spawnSync('strace', ['-f', '-e', calls, '-o', trace, ...child]);
    expect(status, String(stderr)).toBe(0);
    const events = readFileSync(trace, 'utf8').split('\n').flatMap(eventOf);
    const opened = events.indexOf('opened');
    expect(events.slice(0, opened).filter((e) => e !== 'synced' && e !== 'meta page')).toEqual([
      'opened synchronous',
      'directory synced',
      'renamed',
      'directory synced',
    ]);
    expect(events.slice(opened + 1)).toEqual(
      [0, 1, 2].flatMap((i) => ['synced', 'meta page', `acknowledged ${i}`]),
    );
  });
});

/** What a finished system call means for durability, if anything. */
function eventOf(line: string): string[] {
  const said = /\bwrite\(1, "(\w+(?: \d+)?)\\n"/.exec(line);
  if (said?.[1]) return [said[1]];
  if (/\bopenat\(.*data\.mdb", .*O_DSYNC/.test(line)) return ['opened synchronous'];
  if (/\brename\(.*db\.new", .*\) = 0$/.test(line)) return ['renamed'];
  if (/\bfsync\b.*= 0$/.test(line)) return ['directory synced'];
  if (/\bfdatasync\b.*= 0$/.test(line)) return ['synced'];
  // MDB_meta from its mm_mapsize on
  if (/\bpwrite64\b.*= 128$/.test(line)) return ['meta page'];
  return [];
}
