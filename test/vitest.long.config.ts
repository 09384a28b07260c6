import { defineConfig } from 'vitest/config';
import { BUILT, built } from './built.ts';

/** Minutes to hours: `make scenarios`. */
export default defineConfig({
  plugins: [built()],
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/scenario/long/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    testTimeout: 3_600_000,
    hookTimeout: 30_000,
    pool: 'forks',
    // on two cores too: the default leaves one of them idle
    maxWorkers: 2,
    // what hundreds of boxes wait for outlives a small nursery, and is copied again and again: a fifth of the time; and
    // 300 of them may need more than the 4 GiB that are the default
    execArgv: ['--max-semi-space-size=128', '--max-old-space-size=8192'],
    disableConsoleIntercept: true,
    server: { deps: { external: BUILT } },
  },
});
