import type { SluiceError } from '../../core/error.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import type { DeploymentDescription, Scores } from '../../core/scorer.ts';

/** What a job asks of each prediction, for servers that have it. */
export interface ScoringSettings {
  /** Explanations per row; 0 for none. */
  readonly maxExplanations: number;
  /** Only rows at or above (`thresholdHigh`), at or below (`thresholdLow`) these predictions are explained; null: all. */
  readonly thresholdHigh: number | null;
  readonly thresholdLow: number | null;
  readonly explanationAlgorithm: string | null;
  readonly predictionWarningEnabled: boolean;
  /** Null by default: the output applies a threshold by itself, so that it works with every server. */
  readonly predictionThreshold: number | null;
  /** Digits behind the point of the predictions; null leaves it to the server. */
  readonly decimals: number | null;
}

export const PLAIN_SCORING: ScoringSettings = {
  maxExplanations: 0,
  thresholdHigh: null,
  thresholdLow: null,
  explanationAlgorithm: null,
  predictionWarningEnabled: false,
  predictionThreshold: null,
  decimals: null,
};

/** The wires there are, by the names that job descriptions have for them. */
export const WIRE_NAMES = ['datarobot', 'drum', 'oip', 'mlflow', 'json'] as const;
export type WireName = (typeof WIRE_NAMES)[number];

/** One HTTP request, without what belongs to the connection (host, length, authorisation). */
export interface WireRequest {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Path and query, from the root of the server. */
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | null;
  /** To be called when the server has the whole body, so that its memory can be used again; never after a failure. */
  readonly release?: () => void;
}

/** One complete HTTP reply. The bytes are not kept beyond the call that they are given to. */
export interface WireReply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
  /** To be called, at most once, when nobody reads `body` any more: its memory is used again. */
  readonly release?: () => void;
}

/** Sends one request and gives its reply, whatever the status; rejects when there was none. */
export type Exchange = (request: WireRequest) => Promise<WireReply>;

/**
 * The request and reply format of one family of prediction servers, for one deployment and one job. Knows nothing of
 * connections, retries or concurrency. May remember what `describe` found, nothing else that a reply could change
 * except caches.
 */
export interface Wire {
  /** For messages: which deployment of which server, without secrets. */
  readonly target: string;
  /** Asks what the deployment serves; `{}` when servers of this family cannot say. Throws what `fault` would give. */
  describe(exchange: Exchange): Promise<DeploymentDescription>;
  /** The request for a batch of at least one row. Called again for a retry. */
  request(batch: RowBatch): WireRequest;
  /** The outcomes in a reply with status 200. Throws REPLY_MISMATCH unless it surely holds one outcome for each row, in order. */
  read(batch: RowBatch, reply: WireReply): Scores;
  /** What a reply with any other status means, by the classes of the error table. */
  fault(batch: RowBatch, reply: WireReply): SluiceError;
}
