import { liveKillGrid } from '../support/live-kill-grid.ts';

// `npm run test:grid` runs a hundred with other seeds.
liveKillGrid('topic', 1, 5);
liveKillGrid('files', 101, 5);
