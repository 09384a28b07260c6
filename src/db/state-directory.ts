/** The directory that holds everything a box must not lose, and the claim that keeps a second daemon out of it. */
import { mkdirSync, realpathSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname, resolve } from 'node:path';
import { messageOf, PersonError } from '../core/errors.ts';
import { syncDirectory } from './sync.ts';

export interface StateDirectory {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** Lets another daemon in. */
  release(): Promise<void>;
}

/**
 * Claims the state directory at `path` for this process, creating it where it is missing, open to its owner alone;
 * one that exists keeps its mode. Rejects with `PersonError`: `state-in-use` where another daemon has claimed it,
 * `state-unusable` where it cannot be one or others can write to it.
 *
 * The claim is an abstract unix socket (unix(7)) named after the directory's device and inode, one name whatever path
 * leads there; the kernel frees it with the process, however that ends. It holds within a network namespace.
 */
export async function claimStateDirectory(path: string): Promise<StateDirectory> {
  const { real, name } = prepare(path);
  const claim = createServer((connection) => connection.destroy());
  claim.unref();
  try {
    await listen(claim, `\0nexusd/${name}`);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    throw new PersonError(
      'state-in-use',
      `Another daemon is using the state directory ${real}: stop it first, or give this one a directory of its own.`,
      { cause },
    );
  }
  return { path: real, release: () => new Promise((done) => claim.close(() => done())) };
}

function prepare(path: string): { real: string; name: string } {
  try {
    const made = mkdirSync(path, { recursive: true, mode: 0o700 });
    if (made) syncNames(resolve(path), resolve(made));
    const real = realpathSync(path);
    const { mode, dev, ino } = statSync(real);
    if (mode & 0o022)
      throw new PersonError(
        'state-unusable',
        `Other users can write to the state directory ${real}: close it to them (chmod 700 ${real}), or name another one.`,
      );
    return { real, name: `${dev}/${ino}` };
  } catch (cause) {
    if (cause instanceof PersonError) throw cause;
    throw new PersonError(
      'state-unusable',
      `The state directory ${path} cannot be used (${messageOf(cause)}): check that it is a directory of the user who ` +
        'runs the daemon.',
      { cause },
    );
  }
}

/** Makes durable the names of `last` and of every directory above it, up to `first`. */
function syncNames(last: string, first: string): void {
  for (let directory = last; directory.length >= first.length; directory = dirname(directory))
    syncDirectory(dirname(directory));
}

function listen(server: Server, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(name, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
