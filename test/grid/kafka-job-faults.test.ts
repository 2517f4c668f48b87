import { kafkaJobFaults } from '../support/kafka-job-faults.ts';

kafkaJobFaults({
  serverAwayMs: 60_000,
  brokerAwayMs: 30_000,
  storm: { changes: 40, everyMs: 3_000, batchMs: 2_000, rows: 9_000, least: 0.5 },
});
