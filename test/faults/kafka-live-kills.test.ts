import { liveKillGrid } from '../support/live-kill-grid.ts';

// `npm run test:grid` runs a hundred with other seeds.
liveKillGrid('topic', 2, 2);
liveKillGrid('files', 101, 1);
liveKillGrid('objects', 205, 1);
