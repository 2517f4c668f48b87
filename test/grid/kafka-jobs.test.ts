import { kafkaKillGrid } from '../support/kafka-grid.ts';

kafkaKillGrid(20_000, Number(process.env['SLUICE_KILLS'] ?? 100));
