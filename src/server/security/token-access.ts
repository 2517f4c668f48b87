import { createHash, timingSafeEqual } from 'node:crypto';
import { SluiceError } from '../../core/error.ts';
import type { Caller } from '../../jobs/queue/caller.ts';
import type { JobOwner } from '../../jobs/queue/job-record.ts';
import type { ServerSettings } from '../../jobs/queue/server-settings.ts';
import type { Access } from './access.ts';
import { isFromHere } from './local-only.ts';
import type { TokenStore } from './token-store.ts';

/**
 * Callers by their tokens: those of a configuration, and those of the store. Without any, everybody on this machine is one user, who may do
 * all; the first token that is made ends that at once, and for good.
 */
export function tokenAccess(configured: ServerSettings['tokens'], stored: TokenStore): Access {
  const known = configured.map(({ token, user, role }) => ({
    digest: digest(token),
    caller: { user: owner(user), role },
  }));
  const everybody: Caller = { user: owner('sluice'), role: 'admin' };
  let hasTokens = known.length > 0;
  const isOpen = async (): Promise<boolean> => {
    hasTokens ||= await stored.any();
    return !hasTokens;
  };
  return {
    isOpen,
    caller: async (headers) => {
      const token = /^(?:bearer|token)\s+(\S+)\s*$/i.exec(headers.authorization ?? '')?.[1];
      if (await isOpen()) {
        if (isFromHere(headers)) return everybody;
        throw refused('This server knows no tokens and takes requests of its own machine alone.', 403);
      }
      if (token === undefined) throw refused('A token is needed: send it as "Authorization: Bearer TOKEN".');
      // Digests have one length, and all are looked at, so that the time of the comparison tells nothing of the token.
      const given = digest(token);
      let found: Caller | null = null;
      for (const entry of known) if (timingSafeEqual(entry.digest, given)) found = entry.caller;
      if (found !== null) return found;
      const kept = await stored.find(token);
      if (kept !== null) return { user: owner(kept.owner), role: kept.role };
      throw refused('The token is not valid.');
    },
  };
}

/** A user as clients want one: an ID that is always the same for the name. */
function owner(name: string): JobOwner {
  return { userId: digest(`user ${name}`).toString('hex').slice(0, 24), username: name, fullName: name };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function refused(message: string, status = 401): SluiceError {
  return new SluiceError('TOKEN_REFUSED', message, { status });
}
