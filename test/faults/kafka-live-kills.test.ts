import { liveKillGrid } from '../support/live-kill-grid.ts';

// `npm run test:grid` runs a hundred with other seeds.
liveKillGrid('topic', 1, 4);
liveKillGrid('files', 101, 2);
liveKillGrid('objects', 201, 1);
