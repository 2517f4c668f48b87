import type { ConnectionGuard } from '../../core/connection-guard.ts';

/** Settings whose address is not that of whoever runs this machine. */
export interface Guarded {
  /** Asked before every connection to it; left out: it may be anywhere. */
  readonly guard?: ConnectionGuard | undefined;
}
