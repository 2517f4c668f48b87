import type { Envelope } from '../../../core/envelope.ts';
import type { KeptLetter } from '../../../core/scored-batch.ts';

/** The headers of a message by name, as text. */
export function headerTexts({ headers }: Pick<Envelope, 'headers'>): ReadonlyMap<string, string> {
  return new Map(headers.map(({ name, value }) => [name, Buffer.from(value ?? []).toString('utf8')]));
}

/** A message as `deadLetterRecord` makes it; of any other, what it is is its own cause. */
export function keptLetterOf(message: Envelope): KeptLetter {
  const { topic, partition, offset, value } = message;
  const texts = headerTexts(message);
  const number = (name: string): number | null => {
    const text = texts.get(name);
    return text === undefined || text === '' || !Number.isSafeInteger(Number(text)) ? null : Number(text);
  };
  const from = texts.get('sluice-topic');
  return {
    kind: texts.get('sluice-kind') === 'skipped' ? 'skipped' : 'failed',
    split:
      from === undefined
        ? (texts.get('sluice-split') ?? `${topic}/${partition}`)
        : `${from}/${texts.get('sluice-partition')}`,
    row: number('sluice-row'),
    line: number(from === undefined ? 'sluice-line' : 'sluice-offset') ?? offset,
    output: null,
    reason: texts.get('sluice-error') ?? 'a message without a cause: it is none of Sluice',
    attempts: number('sluice-attempts') ?? 0,
    bytes: value ?? new Uint8Array(0),
  };
}
