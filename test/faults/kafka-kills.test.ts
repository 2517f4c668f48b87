import { kafkaKillGrid } from '../support/kafka-grid.ts';

// One of every second case; `npm run test:grid` runs a hundred with other seeds.
kafkaKillGrid(10_000, 12);
