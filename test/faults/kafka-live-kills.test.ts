import { liveKillGrid } from '../support/live-kill-grid.ts';

// `npm run test:grid` runs a hundred with other seeds.
liveKillGrid('topic', 1, 2);
liveKillGrid('files', 101, 2);
