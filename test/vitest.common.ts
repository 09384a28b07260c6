/** What all runs of tests share: they run on what was built. */
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { BUILT, built } from './built.ts';

export function runOf(test: NonNullable<ViteUserConfig['test']>): ViteUserConfig {
  return defineConfig({
    plugins: [built()],
    test: {
      root: new URL('..', import.meta.url).pathname,
      setupFiles: ['test/setup.ts'],
      hookTimeout: 30_000,
      pool: 'forks',
      // on two cores too: the default leaves one of them idle
      maxWorkers: 2,
      server: { deps: { external: BUILT } },
      ...test,
    },
  });
}
