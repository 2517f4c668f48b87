import type { LinkRecord } from '../../../core/link.ts';
import type { Block } from './block.ts';

/** How the values of one kind of link become blocks and come back. */
export interface BlockForm<T> {
  /** @param read rows of the job through this batch, where ingest says so. */
  encode(sequence: number, value: T, read: number): Block;
  decode(block: Block): LinkRecord<T>;
  /** Bytes that a value counts for while it is on its way. */
  sizeOf(value: T): number;
  /** The value was written: its memory is free. */
  release(value: T): void;
}

/** Bytes as a text that JSON can hold. */
export function bytesText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** The bytes again. */
export function textBytes(text: string): Uint8Array {
  return Buffer.from(text, 'base64');
}
