import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Role } from '../../jobs/queue/caller.ts';

/** What a token gives the right to, each with all of those before it: to look, to run jobs, to do so for everybody. */
export const ROLES = ['read', 'run', 'admin'] as const satisfies readonly Role[];

/** What is known of a token; all but the token itself. Times are milliseconds since 1970. */
export interface AccessToken {
  /** Public: it stands in the token, and names it in lists. */
  readonly id: string;
  /** What it is for, in somebody's words. */
  readonly name: string;
  /** Whose jobs are seen and made with it. */
  readonly owner: string;
  readonly role: Role;
  readonly created: number;
  /** To the minute; null: never. */
  readonly lastUsed: number | null;
  /** Null: it does not expire. */
  readonly expires: number | null;
  /** Null: it was not revoked. */
  readonly revoked: number | null;
}

/** `slt_`, the ID, and 256 random bits: a form that scanners for secrets can find. */
const FORM = /^slt_([0-9a-f]{16})_[\w-]{43}$/;

/** A new token, which is kept nowhere. */
export function newToken(): { readonly id: string; readonly text: string } {
  const id = randomBytes(8).toString('hex');
  return { id, text: `slt_${id}_${randomBytes(32).toString('base64url')}` };
}

/** The ID within a token; null for a text that is none. */
export function tokenId(text: string): string | null {
  return FORM.exec(text)?.[1] ?? null;
}

/** What is kept of a token. It has too many bits to be guessed from it, so there is nothing that would have to be slow. */
export function tokenHash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Whether a token is the one that a hash was made of; takes the same time for all tokens. @param hash null: of none. */
export function isTokenOf(text: string, hash: string | null): boolean {
  const given = Buffer.from(tokenHash(text), 'hex');
  const kept = hash === null ? Buffer.alloc(given.length) : Buffer.from(hash, 'hex');
  return kept.length === given.length && timingSafeEqual(given, kept) && hash !== null;
}

/** Whether a role has the rights of another one. */
export function hasRole({ role }: { readonly role: Role }, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}
