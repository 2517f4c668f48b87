import { liveKillGrid } from '../support/live-kill-grid.ts';

// A run kills one to three times: so many runs give at least so many kills in all together.
const runs = Math.ceil(Number(process.env['SLUICE_KILLS'] ?? 100) / 3);
liveKillGrid('topic', 5_000, runs);
liveKillGrid('files', 6_000, runs);
liveKillGrid('objects', 7_000, runs);
