import { kafkaKillGrid } from '../support/kafka-grid.ts';

// Few, and yet each victim alone and among several workers; `npm run test:grid` runs a hundred with other seeds.
kafkaKillGrid(10_000, 7);
