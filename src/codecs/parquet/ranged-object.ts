/** An object that is read in places. */
export interface RangedObject {
  /** For messages. */
  readonly name: string;
  readonly bytes: number;
  /** Bytes `from` to `from + length`, all of them; the caller may keep them. */
  read(from: number, length: number, signal: AbortSignal): Promise<Uint8Array>;
}
