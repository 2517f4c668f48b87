/** A header of a message. A name may come more than once. */
export interface MessageHeader {
  readonly name: string;
  readonly value: Uint8Array;
}

/** A message as a topic has it: the row in its `value`, and what came with it. Kept by outputs that have a place for it. */
export interface Envelope {
  readonly topic: string;
  readonly partition: number;
  /** Kafka's offset; below 2^53. */
  readonly offset: number;
  /** Milliseconds since 1970, as the producer or the broker set it. */
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly headers: readonly MessageHeader[];
  /** Null is a tombstone. */
  readonly value: Uint8Array | null;
}
