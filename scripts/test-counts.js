// Prints `N passed, N failed` from vitest's JSON report; a report that is missing counts as one failure. What SLUICE_TEST_WITHOUT
// left out is said too, as the end of the tests themselves says it (test/support/services/run-services.ts).
import { readFileSync } from 'node:fs';

let passed = 0;
let failed = 1;
try {
  const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
  passed = report.numPassedTests;
  // Suites that could not be loaded have no tests of their own; skipped ones are not counted as passed.
  const brokenSuites = report.testResults.filter(
    (suite) => suite.status === 'failed' && suite.assertionResults.length === 0,
  ).length;
  failed = report.numFailedTests + brokenSuites;
} catch (error) {
  console.error(`no test report: ${error.message}`);
}
// Sorted and each once, as `leftOut` has them (test/support/services/left-out.ts): it knows the services, and no test runs with a name that is none.
const names = (process.env.SLUICE_TEST_WITHOUT ?? '').split(',').map((name) => name.trim());
const without = [...new Set(names)].filter((name) => name !== '').toSorted((a, b) => (a < b ? -1 : 1));
console.log(
  [`${passed} passed, ${failed} failed`, ...(without.length > 0 ? [`without ${without.join(', ')}`] : [])].join(', '),
);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
