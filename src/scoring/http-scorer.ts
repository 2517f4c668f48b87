import type { Clock } from '../core/clock.ts';
import { SluiceError } from '../core/error.ts';
import type { FinishedRequest } from '../core/finished-request.ts';
import type { RowBatch } from '../core/row-batch.ts';
import type { DeploymentDescription, Scorer, Scores } from '../core/scorer.ts';
import { type ConnectionOptions, createHttpConnection } from './http-connection.ts';
import type { Wire, WireReply, WireRequest } from './wires/wire.ts';

export interface HttpScorerOptions extends ConnectionOptions {
  readonly wire: Wire;
  readonly clock: Clock;
  /** Sent as a bearer token. A function is asked for every request, so that a token can be renewed under way. */
  readonly token?: string | (() => string);
  /** Further headers of every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Called once per request of `score`, when its reply is complete or it failed; not when it was aborted. */
  readonly onRequest?: (request: FinishedRequest) => void;
}

/** One request per `score`, over keep-alive connections; no retry and no limit of its own. */
export function createHttpScorer(options: HttpScorerOptions): Scorer {
  const { wire, clock, token, onRequest } = options;
  const connection = createHttpConnection(options);
  const fixed = Object.entries(options.headers ?? {}).flat();

  const headers = (): readonly string[] => {
    const value = typeof token === 'function' ? token() : token;
    return value === undefined || value === '' ? fixed : [...fixed, 'authorization', `Bearer ${value}`];
  };

  const timed = async (request: WireRequest, rows: number, signal: AbortSignal): Promise<WireReply> => {
    const start = clock.now();
    const finished = (status: number, executionMs: number | null): void =>
      onRequest?.({ latencyMs: clock.now() - start, executionMs, rows, status });
    try {
      const reply = await connection.send(request, headers(), signal);
      finished(reply.status, executionOf(reply));
      return reply;
    } catch (error) {
      if (!signal.aborted) finished(0, null);
      throw error;
    }
  };

  const score = async (batch: RowBatch, signal: AbortSignal): Promise<Scores> => {
    const request = wire.request(batch);
    const reply = await timed(request, batch.rows, signal);
    if (reply.status !== 200) throw withoutSecrets(wire.fault(batch, blotted(reply, headers())), headers());
    // A server that refuses a request may not have read it to its end; one that answers it has.
    request.release?.();
    const scores = wire.read(batch, reply);
    reply.release?.();
    return scores;
  };

  const describe = async (signal: AbortSignal): Promise<DeploymentDescription> => {
    try {
      return await wire.describe((request) => connection.send(request, headers(), signal));
    } catch (error) {
      throw withoutSecrets(error, headers());
    }
  };

  const close = (): Promise<void> => connection.close();
  return {
    describe,
    score,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Prediction servers that know it say how long they took without the network. */
function executionOf({ headers }: WireReply): number | null {
  const given = headers['x-datarobot-execution-time'];
  const ms = typeof given === 'string' && given !== '' ? Number(given) : Number.NaN;
  return ms >= 0 && ms < Number.POSITIVE_INFINITY ? ms : null;
}

const SECRET_CHARACTERS = 6;
const REDACTED = '[redacted]';

/** A server may quote a header in its reply, and a message may end in a log: values of our headers are blotted out. */
function withoutSecrets(error: unknown, headers: readonly string[]): unknown {
  if (!(error instanceof SluiceError)) return error;
  for (const secret of secretsIn(headers)) error.message = error.message.replaceAll(secret, REDACTED);
  return error;
}

/** The same in the reply itself: a message is cut, and the cut may go through a secret. */
function blotted(reply: WireReply, headers: readonly string[]): WireReply {
  const text = Buffer.from(reply.body.buffer, reply.body.byteOffset, reply.body.length).toString('latin1');
  const found = secretsIn(headers).filter((secret) => text.includes(secret));
  if (found.length === 0) return reply;
  const clean = found.reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text);
  return { ...reply, body: Buffer.from(clean, 'latin1') };
}

/** A short value is no secret, and blotting it out would spoil the message. */
function secretsIn(headers: readonly string[]): readonly string[] {
  const values = headers.filter((_, at) => at % 2 === 1).map((value) => value.replace(/^Bearer /, ''));
  return values.filter(({ length }) => length >= SECRET_CHARACTERS);
}
