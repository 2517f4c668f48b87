/** What kafkajs gives to `eachBatch`, as far as scoring needs it. */
export interface EachBatchPayload {
  readonly batch: {
    readonly topic: string;
    readonly partition: number;
    readonly messages: readonly ConsumedMessage[];
  };
  resolveOffset(offset: string): void;
  heartbeat(): Promise<void>;
  isRunning(): boolean;
  isStale(): boolean;
}

type HeaderValue = Uint8Array | string;

/** A message as kafkajs reads it. */
export interface ConsumedMessage {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly offset: string;
  readonly timestamp: string;
  readonly headers?: Readonly<Record<string, HeaderValue | HeaderValue[] | undefined>>;
}

/** A scored row as a message for kafkajs's `producer.send`, in the partition of the row that it scores. */
export interface ScoredMessage {
  readonly key: Buffer | null;
  readonly value: Buffer;
  readonly headers: Record<string, Buffer | Buffer[]>;
  readonly timestamp: string;
}
