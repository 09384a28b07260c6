import { holdToLimits } from './mesh.ts';

holdToLimits(10);
