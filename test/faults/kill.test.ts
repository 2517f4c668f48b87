import { killGrid } from '../support/kill-grid.ts';

// Plain and compressed, with one partition and several, good rows and bad ones; `npm run test:grid` runs a hundred with other seeds.
killGrid(1, 3);
