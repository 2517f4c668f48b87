import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import kafkajs, { type Kafka } from 'kafkajs';
import type { BrokerAddress } from '../protocol/broker-address.ts';

/**
 * What is used of kafkajs 2.2.4 below its public types. Its version is pinned in package.json, and it has had no other since 2023;
 * whoever raises it looks here first.
 */
interface LibraryCluster {
  readonly rootLogger: unknown;
  readonly connectionPoolBuilder: { build(at: BrokerAddress): Promise<unknown> };
  readonly brokerPool: {
    createBroker(options: { readonly connectionPool: unknown; readonly logger: unknown }): LibraryBroker;
  };
}

/** One of kafkajs's brokers: a connection with TLS and login, and requests. */
export interface LibraryBroker {
  isConnected(): boolean;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /** What it has of each request, by its number. */
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>>;
  /** The first connection is for everything but fetching. */
  readonly connectionPool: { readonly pool: readonly [LibraryConnection, LibraryConnection] };
  /** @param request type 0: of a group; 1: of a transactional id. */
  findGroupCoordinator(request: {
    readonly groupId: string;
    readonly coordinatorType: 0 | 1;
  }): Promise<{ readonly coordinator: BrokerAddress & { readonly nodeId: number } }>;
  addPartitionsToTxn(
    request: LibraryTransaction & { readonly topics: readonly { topic: string; partitions: readonly number[] }[] },
  ): Promise<unknown>;
  addOffsetsToTxn(request: LibraryTransaction & { readonly groupId: string }): Promise<unknown>;
  txnOffsetCommit(
    request: LibraryTransaction & {
      readonly groupId: string;
      readonly topics: readonly {
        readonly topic: string;
        readonly partitions: readonly { readonly partition: number; readonly offset: number }[];
      }[];
    },
  ): Promise<unknown>;
  /** @param request the isolation level is 1 for committed records only, 0 for all. */
  listOffsets(request: {
    readonly replicaId: number;
    readonly isolationLevel: number;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly timestamp: string }[];
    }[];
  }): Promise<{
    readonly responses: readonly {
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }>;
  joinGroup(request: {
    readonly groupId: string;
    readonly memberId: string;
    readonly sessionTimeout: number;
    readonly rebalanceTimeout: number;
    readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[];
  }): Promise<{
    readonly memberId: string;
    readonly generationId: number;
    readonly leaderId: string;
    readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[];
  }>;
  syncGroup(request: {
    readonly groupId: string;
    readonly generationId: number;
    readonly memberId: string;
    readonly groupAssignment: readonly { readonly memberId: string; readonly memberAssignment: Buffer }[];
  }): Promise<{ readonly memberAssignment: Buffer }>;
  heartbeat(request: LibraryMember): Promise<unknown>;
  offsetCommit(
    request: LibraryMember & {
      readonly topics: readonly {
        readonly topic: string;
        readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
      }[];
    },
  ): Promise<unknown>;
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
  endTxn(request: LibraryTransaction & { readonly transactionResult: boolean }): Promise<unknown>;
}

/** A member of a group. */
interface LibraryMember {
  readonly groupId: string;
  readonly groupGenerationId: number;
  readonly memberId: string;
}

/** Who a transaction belongs to. */
export interface LibraryTransaction {
  readonly transactionalId: string;
  readonly producerId: string;
  readonly producerEpoch: number;
}

/** A connection, and its queue of requests. */
interface LibraryConnection {
  readonly clientId: string;
  readonly socket: Socket;
  readonly requestQueue: {
    push(request: {
      readonly entry: {
        readonly apiKey: number;
        readonly apiName: string;
        readonly apiVersion: number;
        readonly correlationId: number;
        readonly resolve: (answer: { readonly payload: Buffer }) => void;
        readonly reject: (error: unknown) => void;
      };
      readonly expectResponse: boolean;
      readonly requestTimeout: number;
      readonly sendRequest: () => void;
    }): void;
  };
  authenticate(): Promise<void>;
  nextCorrelationId(): number;
  failIfNotConnected(): void;
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests: (this: RequestQueue) => void;
}

const inside = createRequire(import.meta.url);

/** kafkajs's error for a number of Kafka's. */
export const { createErrorFromCode } = inside('kafkajs/src/protocol/error.js') as {
  readonly createErrorFromCode: (code: number) => Error;
};

/** Makes brokers with the settings of a client. kafkajs shows its cluster to assigners of a consumer, which here never joins. */
export function brokerMaker(client: Kafka): (at: BrokerAddress) => Promise<LibraryBroker> {
  let cluster: LibraryCluster | undefined;
  client.consumer({
    groupId: 'none',
    allowAutoTopicCreation: false,
    partitionAssigners: [
      (config) => {
        cluster = config.cluster as unknown as LibraryCluster;
        return kafkajs.PartitionAssigners.roundRobin(config);
      },
    ],
  });
  const { rootLogger, connectionPoolBuilder, brokerPool } = cluster!;
  return async (at) =>
    brokerPool.createBroker({ connectionPool: await connectionPoolBuilder.build(at), logger: rootLogger });
}

let mended = false;

/**
 * kafkajs wakes up every millisecond for each connection that is idle, by timers of a negative time, of which Node 24 warns
 * (tulios/kafkajs#1751). A queue without requests has nothing to look for, and the next request looks for itself.
 */
export function mendIdleTimers(): void {
  if (mended) return;
  mended = true;
  const { prototype } = inside('kafkajs/src/network/requestQueue/index.js') as { readonly prototype: RequestQueue };
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (): void {
    if (this.pending.length > 0) schedule.call(this);
  };
}
