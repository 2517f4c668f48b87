import { killGrid } from '../support/kill-grid.ts';

// Two of each case; `npm run test:grid` runs a hundred with other seeds.
killGrid(1, 16);
