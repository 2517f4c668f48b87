import { findSluiceError, messageOf } from '../../core/error.ts';

/** What one check of a job has found. */
export interface Finding {
  /** What was looked at: `intake`, `deployment`. */
  readonly what: string;
  readonly status: 'ok' | 'fails' | 'skipped';
  /** One line: what is there, or what is wrong and what to do, or why it was not looked at. */
  readonly says: string;
  /** The code of the error; null when nothing fails. */
  readonly code: string | null;
}

export const ok = (what: string, says: string): Finding => ({ what, status: 'ok', says, code: null });

export const skipped = (what: string, says: string): Finding => ({ what, status: 'skipped', says, code: null });

export function fails(what: string, error: unknown): Finding {
  const says = messageOf(error).replaceAll(/\s*\n\s*/g, ' ');
  return { what, status: 'fails', says, code: findSluiceError(error)?.code ?? null };
}
