import { defineConfig } from 'vitest/config';
import { BUILT, built } from './built.ts';

export default defineConfig({
  plugins: [built()],
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    exclude: ['test/scenario/long/**', 'test/kernel/**'],
    setupFiles: ['test/setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 30_000,
    pool: 'forks',
    maxWorkers: 2,
    // nothing in the tree keeps state in its modules, and a process for each file is a quarter of the time
    isolate: false,
    server: { deps: { external: BUILT } },
  },
});
