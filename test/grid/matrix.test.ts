import { allCases, matrix } from '../support/matrix/matrix.ts';

matrix(allCases(), 30_000);
