import { killGrid } from '../support/kill-grid.ts';

// One of each case; `npm run test:grid` runs a hundred with other seeds.
killGrid(1, 8);
