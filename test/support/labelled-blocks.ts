import type { BlockForm } from '../../src/links/kafka/job/block-form.ts';

/** A value of so many bytes, to be known by its label. */
export interface Labelled {
  readonly label: number;
  readonly bytes: number;
}

/** The smallest form there is: so many bytes, the label in the facts. */
export const labelledBlocks: BlockForm<Labelled> = {
  encode: (sequence, { label, bytes }) => ({
    facts: { kind: 'rows', sequence, label },
    schema: null,
    bytes: new Uint8Array(bytes),
    ends: Uint32Array.of(bytes),
    letters: [],
  }),
  decode: ({ facts, bytes }) => ({
    kind: 'batch',
    sequence: facts.sequence,
    value: { label: facts['label'] as number, bytes: bytes.length },
  }),
  sizeOf: ({ bytes }) => bytes,
  release: () => undefined,
};
