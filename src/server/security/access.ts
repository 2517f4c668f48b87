import type { IncomingHttpHeaders } from 'node:http';
import type { Caller } from '../../jobs/queue/caller.ts';

/** Who may use the server. */
export interface Access {
  /**
   * Who asks. Throws TOKEN_REFUSED: 401 for nobody that is known, 403 for a web page that asks a server without tokens.
   * @param headers of the request: `authorization` holds `Bearer T` or `Token T`.
   */
  caller(headers: IncomingHttpHeaders): Promise<Caller>;
  /** Whether everybody who reaches the port may ask: then it must not be reached from elsewhere. */
  isOpen(): Promise<boolean>;
}
