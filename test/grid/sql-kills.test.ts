import { expect, test } from 'vitest';
import { acceptSink } from '../../src/testing.ts';
import { outputForms, sqlOutputs } from '../acceptance/sql-output.ts';
import { heldOpen, testedDatabases } from '../support/tested-databases.ts';

const forms = {
  ...outputForms,
  'that must not be there before': { create: 'must' },
  'in which rows are updated': { statement: 'insert_update', whereColumns: ['id'] },
} as const;

// `npm test` kills at some of them.
for (const { name, group, make } of testedDatabases)
  group.each(Object.entries(forms))(`the sink of a table %s in ${name}`, (_words, form) => {
    if (name === 'H2 by JDBC') heldOpen(make);
    const checks = acceptSink(sqlOutputs(make, form, 1)).filter((check) =>
      check.name.includes('at any of its operations'),
    );
    expect(checks).toHaveLength(1);
    for (const check of checks) test(check.name, check.run);
  });
