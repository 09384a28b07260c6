import { runOf } from './vitest.common.ts';

/** Minutes to hours: `make scenarios`. */
export default runOf({
  include: ['test/scenario/long/**/*.test.ts'],
  testTimeout: 3_600_000,
  // what hundreds of boxes wait for outlives a small nursery, and is copied again and again: a fifth of the time; and
  // 300 of them may need more than the 4 GiB that are the default
  execArgv: ['--max-semi-space-size=128', '--max-old-space-size=8192'],
  disableConsoleIntercept: true,
});
