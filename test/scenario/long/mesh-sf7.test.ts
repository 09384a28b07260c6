import { holdToLimits } from './mesh.ts';

holdToLimits(7);
