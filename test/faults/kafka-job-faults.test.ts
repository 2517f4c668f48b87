import { kafkaJobFaults } from '../support/kafka-job-faults.ts';

// Short outages; `npm run test:grid` has long ones.
kafkaJobFaults({
  serverAwayMs: 2_000,
  brokerAwayMs: 3_000,
  storm: { changes: 4, everyMs: 500, batchMs: 500, rows: 3_000, least: null },
});
