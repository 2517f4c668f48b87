import type { Caller } from '../../jobs/queue/caller.ts';

/** Who may use the server. */
export interface Access {
  /**
   * Who asks. Throws TOKEN_REFUSED (401) for nobody that is known.
   * @param authorization the header of the request: `Bearer T` or `Token T`.
   */
  caller(authorization: string | undefined): Promise<Caller>;
  /** Whether everybody who reaches the port may ask: then it must not be reached from elsewhere. */
  readonly isOpen: boolean;
}
