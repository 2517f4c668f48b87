import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import * as z from 'zod';
import { systemClock } from '../../core/clock.ts';
import { findSluiceError } from '../../core/error.ts';
import type { LetterList } from '../../jobs/dead-letters/list-letters.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import { type ApiCall, type ApiRoute, apiRoute } from '../api-route.ts';
import { sendJson } from '../json-reply.ts';
import type { LiveFeed } from '../live/live-feed.ts';
import type { LiveConnection } from '../live/live-tab.ts';
import type { LiveDetail, LiveLetters } from '../live/live-view.ts';
import { liveQuery } from '../schemas/live-query.ts';
import { jobSpecOf } from '../views/job-spec.ts';

/** Characters of a row that are shown of a dead letter. */
const SHOWN = 500;
/** How often the token of an open stream is looked at. */
const TOKEN_MS = 5_000;

/** `/live/`: what the page at `/` shows. Its forms follow the page and may change with it. */
export function liveRoutes(service: JobService, feed: LiveFeed): readonly ApiRoute[] {
  return [
    apiRoute({
      method: 'GET',
      isPrivate: true,
      path: '/live/events/',
      summary:
        'Server-sent events of the live page: a snapshot of the newest jobs, then changes, four times a second at the most.',
      replies: { 200: 'The stream, as text/event-stream.' },
      handle: async (call) => {
        const connection = openStream(call.reply);
        void endWhenRefused(call, connection);
        await feed.join(connection, call.caller);
        return call.reply;
      },
    }),
    apiRoute({
      method: 'GET',
      isPrivate: true,
      path: '/live/jobs/',
      summary: 'The jobs as the live page lists them, the newest first.',
      query: liveQuery,
      replies: { 200: 'A page of jobs.', 422: 'A parameter is wrong.' },
      handle: async (call) => {
        const { offset, status, deploymentId } = call.query;
        const filter = {
          offset,
          limit: 100,
          status: status === undefined ? undefined : [status],
          deploymentId,
          owner: null,
          orderBy: '-created',
        } as const;
        return sendJson(call.reply, await feed.jobs(filter, call.caller));
      },
    }),
    apiRoute({
      method: 'GET',
      isPrivate: true,
      path: '/live/jobs/:id/',
      summary: 'A job with its log and how it went.',
      replies: { 200: 'The job.', 404: 'There is no such job.' },
      handle: async (call) => {
        const record = await service.get(call.params.id, call.caller);
        const history = feed.history(record.id);
        const detail: LiveDetail = {
          job: await feed.job(record),
          logs: record.logs,
          history: history?.view() ?? null,
          last: history?.last ?? null,
          spec: jobSpecOf(record),
        };
        return sendJson(call.reply, detail);
      },
    }),
    apiRoute({
      method: 'GET',
      isPrivate: true,
      path: '/live/jobs/:id/letters/',
      summary: 'The rows of a job that were not scored, by their cause, with examples.',
      replies: { 200: 'The causes.', 404: 'There is no such job.', 422: 'Its output keeps none.' },
      handle: async (call) => {
        const letters = await feed.letters(call.params.id, call.caller);
        return sendJson(call.reply, lettersView(letters));
      },
    }),
    apiRoute({
      method: 'GET',
      isPrivate: true,
      path: '/live/jobs/:id/drift/',
      summary: 'How far the rows of a job are from the baseline of its deployment.',
      replies: { 200: 'The drift, or null.', 404: 'There is no such job.' },
      handle: async (call) => {
        const drift = await service.drift(call.params.id, call.caller, goneSignal(call.reply));
        return sendJson(call.reply, { drift });
      },
    }),
    apiRoute({
      method: 'POST',
      isPrivate: true,
      path: '/live/jobs/:id/replay/',
      summary: 'Scores the dead letters of a finished job again and completes its result with them.',
      // A page of somebody else's cannot send JSON without asking first.
      body: z.strictObject({}),
      replies: {
        202: 'It has begun; the log of the job says how it ends.',
        404: 'There is no such job.',
        409: 'Not now.',
      },
      handle: async (call) => {
        const record = await service.replay(call.params.id, call.caller);
        return sendJson(call.reply.code(202), await feed.job(record));
      },
    }),
  ];
}

function openStream(reply: FastifyReply): LiveConnection {
  const { raw } = reply;
  reply.hijack();
  raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
  });
  raw.flushHeaders();
  const closed = goneSignal(reply);
  return {
    // A server that closes ends its streams under those who write.
    write: (text) => raw.writableEnded || raw.destroyed || raw.write(text),
    end: () => raw.end(),
    drained: async () => {
      await once(raw, 'drain', { signal: closed }).catch(() => undefined);
    },
    closed,
  };
}

/** A stream ends with the token that it was opened with. */
async function endWhenRefused(call: ApiCall, connection: LiveConnection): Promise<void> {
  const { closed } = connection;
  while (!closed.aborted) {
    await systemClock.sleep(TOKEN_MS, closed).catch(() => undefined);
    await call.assertStill().catch((error: unknown) => {
      // A store that is away for a moment says nothing of the token.
      if (findSluiceError(error)?.code === 'TOKEN_REFUSED') connection.end();
    });
  }
}

function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => gone.abort(new Error('the client has gone')));
  return gone.signal;
}

function lettersView({ letters, causes }: LetterList): LiveLetters {
  return {
    letters,
    causes: causes.slice(0, 100).map(({ kind, cause, letters: count, examples }) => ({
      kind,
      cause,
      letters: count,
      examples: examples.map(({ row, line, reason, attempts, bytes }) => ({
        row,
        line,
        reason,
        attempts,
        text: Buffer.from(bytes).toString('utf8').slice(0, SHOWN),
      })),
    })),
  };
}
