import type { KafkaCompression } from './client.ts';

/** How a Kafka cluster is reached: what every adapter is made with. */
export interface KafkaConnection {
  /** `host:port` of one or more brokers. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Where this client stands (KIP-392); null: nowhere in particular. */
  readonly rack: string | null;
  readonly tls: KafkaTls | null;
  readonly sasl: KafkaSasl | null;
  readonly compression: KafkaCompression;
  /** Milliseconds that brokers may be away before a call fails. */
  readonly retryMs: number;
}

export interface KafkaTls {
  /** PEM; null: the system's. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** False accepts any certificate. */
  readonly verify: boolean;
}

/** Secrets are functions, asked when they are needed, so that no object that is printed holds one. */
export type KafkaSasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      readonly password: () => string;
    }
  | { readonly mechanism: 'oauthbearer'; readonly token: () => Promise<string> };
