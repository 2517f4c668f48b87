import { killEvery } from '../support/effort.ts';
import { folderReplayKills } from '../support/folder-replay-kills.ts';
import { partReplayKills } from '../support/part-replay-kills.ts';
import { replayKillGrid } from '../support/replay-kill-grid.ts';

// `npm run test:grid` kills a hundred with other seeds, and folders and tables at every operation.
replayKillGrid(1, 2);
await folderReplayKills(killEvery(9));
partReplayKills(killEvery(24));
