// What the live page is told. Types only, and of nothing that a browser does not have. Times are milliseconds since 1970 unless they are said to
// be durations.

/** One moment of a run. */
export interface LiveSample {
  readonly at: number;
  /** `paused` and its like, and why. */
  readonly state: string;
  readonly detail: string;
  readonly rowsPerSecond: number;
  /** Milliseconds to go; null while nobody can tell. */
  readonly etaMs: number | null;
  /** Quantiles of the requests of the last seconds, in milliseconds; null where there were none. */
  readonly p50: number | null;
  readonly p99: number | null;
  /** Requests under way, and how many the limiter allows. */
  readonly inFlight: number;
  readonly limit: number | null;
  readonly requests: number;
  readonly retries: number;
  readonly stages: readonly {
    readonly stage: 'ingest' | 'score' | 'deliver';
    /** By activity, of all partitions together. */
    readonly milliseconds: Readonly<Record<'work' | 'input' | 'server' | 'output', number>>;
  }[];
  /** What most of the time went into, in words. */
  readonly bottleneck: string;
  /** Of a job over Kafka; null for others. */
  readonly topics: {
    readonly lag: number | null;
    readonly partitions: number;
    readonly paused: number;
    readonly rebalances: number;
    readonly workers: number | null;
    readonly transactions: number;
  } | null;
}

/** A job in a list. */
export interface LiveJob {
  readonly id: string;
  /** Of two looks at a job the one with the greater revision is the newer. */
  readonly revision: number;
  readonly status: 'INITIALIZING' | 'RUNNING' | 'COMPLETED' | 'ABORTED';
  /** Its dead letters are being scored again. */
  readonly isReplayed: boolean;
  readonly deploymentId: string;
  readonly owner: string;
  readonly source: string;
  readonly definition: string | null;
  readonly model: string | null;
  readonly created: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly elapsedMs: number;
  /** Jobs before it; null for one that does not wait for its turn. */
  readonly queuePosition: number | null;
  readonly upload: 'none' | 'waiting' | 'open' | 'ended';
  readonly intakeType: string;
  readonly outputType: string;
  readonly rows: { readonly read: number; readonly scored: number; readonly failed: number; readonly skipped: number };
  /** 0 to 100; null while nobody knows how large the intake is. */
  readonly percent: number | null;
  readonly intakeBytes: number | null;
  readonly outputBytes: number | null;
  readonly hasResult: boolean;
  /** Its bad rows can be scored again. */
  readonly canReplay: boolean;
  readonly hidden: boolean;
  /** Lines of the log, and the newest of them. */
  readonly lines: number;
  readonly newestLine: string;
  /** Of a job that runs in the server that was asked. */
  readonly sample: LiveSample | null;
}

/** The first event of a stream, and of each after a break. */
export interface LiveSnapshot {
  readonly now: number;
  readonly user: string;
  /** Whether the caller may start and end jobs. */
  readonly mayRun: boolean;
  readonly deployments: readonly string[];
  readonly jobs: readonly LiveJob[];
}

/** A page of a list. */
export interface LiveJobs {
  readonly total: number;
  readonly jobs: readonly LiveJob[];
}

/** How a run went, column by column; all columns have one length. */
export interface LiveHistory {
  readonly at: readonly number[];
  readonly rowsPerSecond: readonly number[];
  readonly p50: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
  readonly inFlight: readonly number[];
  readonly limit: readonly (number | null)[];
  readonly lag: readonly (number | null)[];
}

/** All of a job, but what is asked for by itself. */
export interface LiveDetail {
  readonly job: LiveJob;
  readonly logs: readonly string[];
  /** Null: it did not run here since the server was started. */
  readonly history: LiveHistory | null;
  /** The last moment of its run; null as `history`. */
  readonly last: LiveSample | null;
  readonly spec: object;
}

/** Rows that were not scored, by their cause. */
export interface LiveLetters {
  readonly letters: number;
  readonly causes: readonly {
    readonly kind: 'failed' | 'skipped';
    readonly cause: string;
    readonly letters: number;
    readonly examples: readonly {
      readonly row: number | null;
      readonly line: number | null;
      readonly reason: string;
      readonly attempts: number;
      /** The beginning of the row. */
      readonly text: string;
    }[];
  }[];
}
