import { kafkaKillGrid } from '../support/kafka-grid.ts';

// Few, and yet each victim; `npm run test:grid` runs a hundred with other seeds.
kafkaKillGrid(10_000, 12);
