import { type ModelServer, startModelServer } from '../../src/model-server/index.ts';
import { MODELS } from '../unit/model-server/golden-file.ts';

export const API = '/predApi/v1.0';
const HEADER = 'date,distance,origin,destination,id';
/** Late by the committed model; `id` has leading zeros. */
export const GOOD = '2001-02-27 23:29:00,1300,MSP,LAS,007';
/** On time. */
export const OTHER = '2001-06-27 12:42:00,999,GSO,DFW,"a,""b"""';
/** Cannot be scored. */
export const BAD = '2001-04-26 15:21:00,abc,OAK,SEA,bad';
export const AS_CSV = { accept: 'text/csv' };
export const AS_JSON_ROWS = { 'content-type': 'application/json' };

/** One row of a JSON reply; which fields are there is what the tests look at. */
interface ReplyRow {
  readonly rowId: number;
  readonly prediction: number | string;
  readonly predictionValues: readonly { readonly label: string; readonly value: number }[];
  readonly predictionThreshold: number;
  readonly predictionStatus: string;
  readonly predictionExplanations: readonly {
    readonly label: string;
    readonly feature: string;
    readonly featureValue: unknown;
    readonly strength: number;
    readonly qualitativeStrength: string;
  }[];
  readonly shapExplanationsMetadata: { readonly baseValue: number; readonly remainingTotal: number };
  readonly isOutlierPrediction: boolean;
  readonly passthroughValues: Readonly<Record<string, unknown>>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** A JSON reply as a whole. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The rows of a JSON reply. */
  readonly data: readonly ReplyRow[];
}

type Body = string | Uint8Array<ArrayBuffer>;

/** Posts rows, as CSV unless the headers say otherwise. */
export type Post = (
  deployment: string,
  body: Body,
  query?: string,
  headers?: Readonly<Record<string, string>>,
) => Promise<Reply>;

/** A server with the committed models and a body limit of 2 MB, and what posts to it. */
export async function startServer(): Promise<{ readonly server: ModelServer; readonly post: Post }> {
  const server = await startModelServer({ models: MODELS, port: 0, maxBodyBytes: 2_000_000 });
  const post: Post = async (deployment, body, query = '', headers = {}) => {
    const url = `${server.url}${API}/deployments/${deployment}/predictions${query}`;
    const reply = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'text/csv', ...headers } });
    const text = await reply.text();
    const isJson = reply.headers.get('content-type') === 'application/json';
    const json: { readonly data?: readonly ReplyRow[] } = isJson ? JSON.parse(text) : {};
    return { status: reply.status, headers: reply.headers, text, body: { ...json }, data: json.data ?? [] };
  };
  return { server, post };
}

/** Rows of flights as a body. */
export function flights(...rows: readonly string[]): string {
  return `${[HEADER, ...rows].join('\n')}\n`;
}

/** Splits simple CSV; what is compared with it has no quoted cells. */
export function cells(text: string): readonly (readonly string[])[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));
}
