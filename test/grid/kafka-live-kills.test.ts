import { liveKillGrid } from '../support/live-kill-grid.ts';

// A run kills one to three times: so many runs give at least so many kills in all together.
const runs = Math.ceil(Number(process.env['SLUICE_KILLS'] ?? 100) / 3);
liveKillGrid([
  { output: 'topic', firstSeed: 5_000, runs },
  { output: 'files', firstSeed: 6_000, runs },
  { output: 'objects', firstSeed: 7_000, runs },
]);
