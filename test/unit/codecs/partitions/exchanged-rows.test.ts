import { expect, test } from 'vitest';
import { ExchangedRows, type RowChange, schemaOfFile } from '../../../../src/codecs/partitions/exchanged-rows.ts';
import { encodePartitionFile } from '../../../../src/codecs/partitions/partition-file.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import type { Schema } from '../../../../src/core/schema.ts';

const { signal } = new AbortController();
const settings = { compression: 'snappy', clock: systemClock } as const;
const schema: Schema = {
  columns: [
    { name: 'amount', type: 'number' },
    { name: 'at', type: 'timestamp' },
    { name: 'note', type: 'string' },
  ],
};

function groupOf(records: readonly string[]) {
  let at = 0;
  return {
    bytes: Buffer.from(records.join('')),
    ends: Uint32Array.from(records, (record) => (at += Buffer.byteLength(record))),
  };
}

async function fileOf(...groups: readonly (readonly string[])[]): Promise<Uint8Array> {
  const rows = groups.reduce((sum, { length }) => sum + length, 0);
  const { bytes } = await encodePartitionFile({ groups: groups.map(groupOf), rows }, schema, settings);
  return bytes;
}

function changesOf(...changes: readonly (readonly [before: string, now: string | null])[]): RowChange[] {
  return changes.map(([before, now]) => ({ before: Buffer.from(before), now: now === null ? null : Buffer.from(now) }));
}

const textsOf = ({ groups }: { readonly groups: readonly { readonly bytes: Uint8Array }[] }): string[] =>
  groups.map(({ bytes }) => Buffer.from(bytes).toString());

const EARLY = '2026-01-02T03:04:05Z';

test('a row is found by what the file makes of it, wherever that reads otherwise than it was written', async () => {
  const rows = [`7.50,${EARLY},one\n`, `1e2,${EARLY},two\n`, `,,"q ""x"", ☂"\n`];
  const file = await fileOf(rows);
  const found = await ExchangedRows.of(
    changesOf([rows[2]!, '3,,three\n'], [rows[0]!, '1,,one\n']),
    await schemaOfFile('file', file, signal),
    settings,
    signal,
  );
  const changed = await found.in('file', file, signal);
  expect(found.left).toBe(0);
  expect(changed?.rows).toBe(3);
  const [text = ''] = textsOf(changed!);
  expect(text).toMatch(/^1,,one\n100,2026-01-02[T ]03:04:05[^,]*,two\n3,,three\n$/);
});

test('of rows that are alike the first change is that of the first one, over groups and files', async () => {
  const blank = ',,same\n';
  const files = [await fileOf([blank, '9,,x\n'], [blank]), await fileOf(['8,,y\n']), await fileOf([blank, blank])];
  const changes = changesOf([blank, '1,,a\n'], [blank, null], [blank, '3,,c\n']);
  const found = await ExchangedRows.of(changes, schema, settings, signal);
  const after = [];
  for (const file of files) after.push(await found.in('file', file, signal));
  expect(textsOf(after[0]!)).toEqual(['1,,a\n9,,x\n']);
  expect(after[0]?.rows).toBe(2);
  expect(after[1]).toBeNull();
  expect(textsOf(after[2]!)).toEqual(['3,,c\n,,same\n']);
  expect(found.left).toBe(0);
});

test('a row that is not there is left over', async () => {
  const found = await ExchangedRows.of(changesOf(['1,,a\n', '2,,b\n']), schema, settings, signal);
  expect(await found.in('file', await fileOf([',,a\n']), signal)).toBeNull();
  expect(found.left).toBe(1);
});
