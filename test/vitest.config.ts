import { runOf } from './vitest.common.ts';

export default runOf({
  include: ['test/**/*.test.ts'],
  exclude: ['test/scenario/long/**', 'test/kernel/**'],
  testTimeout: 60_000,
  // nothing in the tree keeps state in its modules, and a process for each file is a quarter of the time
  isolate: false,
});
