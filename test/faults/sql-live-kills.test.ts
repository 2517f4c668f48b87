import { liveKillGrid } from '../support/live-kill-grid.ts';

liveKillGrid('table', 201, 2);
