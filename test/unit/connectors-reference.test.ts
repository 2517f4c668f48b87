import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connectorReference } from '../../scripts/docs/connector-reference.ts';
import { connectors } from '../../scripts/docs/connectors.ts';
import { knownBehaviours, provedOf } from '../../scripts/docs/proved.ts';
import { type FieldSchema, forms } from '../../src/jobs/description/field-schema.ts';
import { jobJsonSchema } from '../../src/jobs/description/job-json-schema.ts';
import * as kit from '../../src/testing.ts';

const root = join(import.meta.dirname, '../..');

/** Functions of the kit that are no checks: what drivers are made of. */
const parts = ['runUntilKilled', 'runWholeOutput', 'tellBatches', 'SinkPlan', 'difficultValues'];

function typesOf(field: FieldSchema | undefined): readonly string[] {
  return forms(field ?? {}).flatMap(({ properties }) => {
    const type = properties?.['type']?.const;
    return typeof type === 'string' ? [type] : [];
  });
}

describe('the reference of connectors', () => {
  test.each(['intake', 'output'] as const)('has a line for every type that %sSettings may have', (which) => {
    const listed = new Set(connectors.filter((connector) => connector[which] !== null).map(({ type }) => type));
    expect([...listed].toSorted()).toEqual(
      [...new Set(typesOf(jobJsonSchema().properties?.[`${which}Settings`]))].toSorted(),
    );
  });

  test('knows every check of the kit, and no other', () => {
    const checks = Object.keys(kit).filter((name) => !parts.includes(name));
    expect([...knownBehaviours].toSorted()).toEqual(checks.toSorted());
  });

  test('takes guarantees from tests that are there, and every test of the kit counts for a connector or a stranger', () => {
    const named = new Set(
      connectors.flatMap(({ intake, output }) => [...(intake?.tests ?? []), ...(output?.tests ?? [])]),
    );
    for (const name of named) expect(existsSync(join(root, 'test/acceptance', name)), name).toBe(true);
    const files = readdirSync(join(root, 'test/acceptance')).filter((name) => name.endsWith('.test.ts'));
    // The kit itself is tried by one, the connector of the guide by another; DataRobot's client speaks to the server.
    const others = [
      'kit.test.ts',
      'python-client-definitions.test.ts',
      'python-client.test.ts',
      'write-a-connector.test.ts',
    ];
    expect(files.filter((name) => !named.has(name)).toSorted()).toEqual(others);
  });

  test('promises exactly once only where the kit was listed', () => {
    expect(provedOf('sink', []).guarantee).toBe('none');
    expect(provedOf('sink', ['file.test.ts']).guarantee).toBe('exactly once');
    const row = connectorReference()
      .split('\n')
      .find((line) => line.includes('Standard input and output') && line.includes('taken back'));
    expect(row).toMatch(/\| none \|/);
  });

  test('names guides that are there', () => {
    for (const { guide } of connectors) expect(readFileSync(join(root, guide), 'utf8').length).toBeGreaterThan(0);
  });
});
