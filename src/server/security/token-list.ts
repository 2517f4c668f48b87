import { createHash, timingSafeEqual } from 'node:crypto';
import { SluiceError } from '../../core/error.ts';
import type { Caller } from '../../jobs/queue/caller.ts';
import type { JobOwner } from '../../jobs/queue/job-record.ts';
import type { ServerSettings } from '../../jobs/queue/server-settings.ts';
import type { Access } from './access.ts';

/** The tokens of a configuration. Without any everybody is one user, who may do all. */
export function tokenList(tokens: ServerSettings['tokens']): Access {
  const known = tokens.map(({ token, user, role }) => ({ digest: digest(token), caller: { user: owner(user), role } }));
  const everybody: Caller = { user: owner('sluice'), role: 'admin' };
  return {
    isOpen: known.length === 0,
    caller: async (authorization) => {
      if (known.length === 0) return everybody;
      const token = /^(?:bearer|token)\s+(\S+)\s*$/i.exec(authorization ?? '')?.[1];
      if (token === undefined) throw refused('A token is needed: send it as "Authorization: Bearer TOKEN".');
      // Digests have one length, and all are looked at, so that the time of the comparison tells nothing of the token.
      const given = digest(token);
      let found: Caller | null = null;
      for (const entry of known) if (timingSafeEqual(entry.digest, given)) found = entry.caller;
      if (found === null) throw refused('The token is not valid.');
      return found;
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

function refused(message: string): SluiceError {
  return new SluiceError('TOKEN_REFUSED', message, { status: 401 });
}
