import { matrix, selectedCases } from '../support/matrix/matrix.ts';

// `npm run test:grid` runs every intake with every output.
matrix(selectedCases(), 1);
