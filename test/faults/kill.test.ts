import { killGrid } from '../support/kill-grid.ts';

// Every second case; `npm run test:grid` runs a hundred with other seeds.
killGrid(1, 5);
