import type { Ledger, Manifest, ManifestFacts } from '../../src/sdk.ts';
import { holdsOf } from './written-so-far.ts';

/** The checksums are of what was handed over, in its order: a table has none that could be read back. */
export function manifestOf(facts: ManifestFacts, ledger: Ledger, table: string, letters: string): Manifest {
  const { rows, refused, letters: count, mark, letterMark } = holdsOf(ledger);
  const { tally } = facts;
  const objects: Manifest['objects'][number][] = [
    { role: 'rows', name: table, bytes: mark.bytes, records: rows, sha256Chain: mark.digest },
  ];
  if (count > 0)
    objects.push({
      role: 'deadLetters',
      name: letters,
      bytes: letterMark.bytes,
      records: count,
      sha256Chain: letterMark.digest,
    });
  return {
    ...facts,
    tally: { ...tally, scored: tally.scored - refused, failed: tally.failed + refused },
    columns: ledger.columns ?? [],
    objects,
  };
}
