/** For each test file. A hook in a helper would be one file's only: a process runs many, and loads a helper once. */
import { afterEach } from 'vitest';
import { removeDirectories } from './db/directories.ts';

afterEach(removeDirectories);
