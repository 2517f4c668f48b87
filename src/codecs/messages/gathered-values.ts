import { isUtf8 } from 'node:buffer';
import { LF } from '../../core/canonical-csv.ts';
import type { Envelope } from '../../core/envelope.ts';
import { wrongByte } from '../text/wrong-byte.ts';

const CR = 0x0d;

/** The values of messages in one block, each with a byte behind it that ends it. */
export interface GatheredValues {
  readonly bytes: Buffer<ArrayBuffer>;
  /** For each message the offset just past its ending; the first one starts at 0. */
  readonly ends: Uint32Array;
  /** Messages that are found wanting already: null, or no UTF-8. */
  readonly faults: Map<number, string>;
}

/**
 * Copies the values of messages into one block and checks that they are UTF-8. One block has two merits: what scans it sees one
 * kind of array, and cannot run past the end of a value.
 * @param ending the byte put behind each value. An LF takes the place of line ends that the value has itself.
 */
export function gatherValues(messages: readonly Envelope[], ending: number): GatheredValues {
  let size = messages.length;
  for (const { value } of messages) size += value?.length ?? 0;
  const bytes = Buffer.allocUnsafeSlow(size);
  const ends = new Uint32Array(messages.length);
  const faults = new Map<number, string>();
  let at = 0;
  for (let i = 0; i < messages.length; i += 1) {
    const value = messages[i]!.value;
    if (value === null) {
      faults.set(i, 'The value is null (a tombstone), which is no row.');
    } else {
      bytes.set(value, at);
      const start = at;
      at += value.length;
      if (ending === LF) while (at > start && (bytes[at - 1] === LF || bytes[at - 1] === CR)) at -= 1;
    }
    bytes[at] = ending;
    at += 1;
    ends[i] = at;
  }
  const filled = bytes.subarray(0, at);
  if (!isUtf8(filled)) findWrongText(filled, ends, faults);
  return { bytes: filled, ends, faults };
}

function findWrongText(bytes: Buffer, ends: Uint32Array, faults: Map<number, string>): void {
  let start = 0;
  for (let i = 0; i < ends.length; i += 1) {
    const value = bytes.subarray(start, ends[i]! - 1);
    start = ends[i]!;
    if (!isUtf8(value)) faults.set(i, `The value is not valid UTF-8 at byte ${wrongByte(value)}.`);
  }
}
