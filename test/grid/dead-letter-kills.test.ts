import { folderReplayKills } from '../support/folder-replay-kills.ts';
import { partReplayKills } from '../support/part-replay-kills.ts';
import { replayKillGrid } from '../support/replay-kill-grid.ts';

// A run kills one to three times: so many runs give at least so many kills in all together.
replayKillGrid(8_000, Math.ceil(Number(process.env['SLUICE_KILLS'] ?? 100) / 3));
await folderReplayKills(1);
// Before each statement: what is there behind one is there before the next.
partReplayKills(2);
