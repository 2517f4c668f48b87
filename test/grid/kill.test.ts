import { killGrid } from '../support/kill-grid.ts';

killGrid(1_000, Number(process.env['SLUICE_KILLS'] ?? 100));
