import { replayKillGrid } from '../support/replay-kill-grid.ts';

// `npm run test:grid` kills a hundred with other seeds.
replayKillGrid(1, 2);
