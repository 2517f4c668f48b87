import { liveKillGrid } from '../support/live-kill-grid.ts';

// `npm run test:grid` runs a hundred with other seeds.
liveKillGrid([
  { output: 'topic', firstSeed: 2, runs: 2 },
  { output: 'files', firstSeed: 101, runs: 1 },
  { output: 'objects', firstSeed: 205, runs: 1 },
  { output: 'table', firstSeed: 201, runs: 2 },
]);
