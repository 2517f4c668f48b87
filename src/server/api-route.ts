import type { FastifyReply, FastifyRequest } from 'fastify';
import type * as z from 'zod';
import { SluiceError } from '../core/error.ts';
import { validate } from '../jobs/description/validate.ts';
import type { Caller, Role } from '../jobs/queue/caller.ts';

/** The names of the parts of a path: `id` and `number` of `/jobs/:id/part/:number/`. */
type PartOf<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}` ? Name | PartOf<Rest> : never;

/** One request, as a route sees it. */
export interface ApiCall<Part extends string = never, Query = unknown, Body = unknown> {
  readonly caller: Caller;
  /** For what goes on for long: throws TOKEN_REFUSED when the token of the call is good no more. */
  readonly assertStill: () => Promise<void>;
  /** The parts of the path by their names. */
  readonly params: Readonly<Record<Part, string>>;
  /** As the route's schema gives it; undefined for a route without. */
  readonly query: Query;
  /** The same; for a route without a schema what was sent as JSON, or undefined. */
  readonly body: Body;
  /** Base address that the client reached: `http://host:port/api/v2`. */
  readonly base: string;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** One route of the API: what it takes, for the checks and for the OpenAPI document, and what it does. */
export interface ApiRoute<
  Path extends string = string,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Behind `/api/v2`, with a slash at its end: `/batchPredictions/:id/`. Both forms are served. */
  readonly path: Path;
  /** For the document: one line. */
  readonly summary: string;
  readonly query?: Query;
  readonly body?: Body;
  /** The body is handed on as it came, once it is known to be right; else with what its schema adds. */
  readonly keepsBody?: boolean;
  /** The body is no JSON: the route reads `request.raw` itself. A form has a file as the field `file`. */
  readonly takes?: 'text/csv' | 'multipart/form-data';
  /** What it answers, by status. */
  readonly replies: Readonly<Record<number, string>>;
  /** What its caller needs; GET: `read`, all others: `run`. */
  readonly role?: Role;
  /** For the live page alone, whose needs it follows: the document leaves it out. */
  readonly isPrivate?: boolean;
  /** Answers by `reply`, and returns it. */
  handle(call: ApiCall<PartOf<Path>, z.output<Query>, z.output<Body>>): Promise<FastifyReply>;
}

/** A route whose `handle` knows the types of what its path and its schemas give. */
export function apiRoute<const Path extends string, Query extends z.ZodType, Body extends z.ZodType>(
  route: ApiRoute<Path, Query, Body>,
): ApiRoute {
  return route;
}

/** The query or body of a call, checked. Throws CONFIG_INVALID (422) that names each field which is wrong. */
export function checked<S extends z.ZodType>(schema: S, value: unknown, place: 'query' | 'body'): z.output<S> {
  if (place === 'body' && value === undefined)
    throw new SluiceError('REQUEST_INVALID', 'Send a JSON body, with the content type application/json.', {
      status: 422,
    });
  return validate(schema, value, new Set(), { place: () => place });
}
