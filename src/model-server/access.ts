import { createHash, timingSafeEqual } from 'node:crypto';
import { SluiceError } from '../core/error.ts';

/** Who may use the server: holders of one of its tokens, or everybody when it has none. */
export class Access {
  readonly #digests: readonly Buffer[];

  constructor(tokens: readonly string[]) {
    this.#digests = tokens.map(digest);
  }

  /** @param authorization the request's header: `Bearer T` or `Token T`. Throws SERVER_ACCESS (401). */
  check(authorization: string | undefined): void {
    if (this.#digests.length === 0) return;
    const token = /^(?:bearer|token)\s+(\S+)\s*$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) throw refused('A token is needed: send it as "Authorization: Bearer TOKEN".');
    // Digests have one length, so that the time of the comparison tells nothing of the token.
    const given = digest(token);
    if (!this.#digests.some((known) => timingSafeEqual(known, given))) throw refused('The token is not valid.');
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function refused(message: string): SluiceError {
  return new SluiceError('SERVER_ACCESS', message, { status: 401 });
}
