import { findSluiceError } from '../core/error.ts';
import type { ErrorCode } from '../core/error-table.ts';

/** The exit codes that scripts may rely on. */
export const exitCodes = {
  done: 0,
  failed: 1,
  badArguments: 2,
  checkFailed: 3,
  tooManyFailures: 4,
  interrupted: 130,
} as const;

const special: Partial<Record<ErrorCode, number>> = {
  CONFIG_INVALID: exitCodes.badArguments,
  CONFIG_UNREADABLE: exitCodes.badArguments,
  CONFIG_VARIABLE: exitCodes.badArguments,
  DEPLOYMENT_UNKNOWN: exitCodes.badArguments,
  VERIFY_FAILED: exitCodes.checkFailed,
  CHECK_FAILED: exitCodes.checkFailed,
  TOO_MANY_FAILURES: exitCodes.tooManyFailures,
  JOB_INTERRUPTED: exitCodes.interrupted,
};

/** The exit code of a command that ended with this error. */
export function exitCodeOf(error: unknown): number {
  const code = findSluiceError(error)?.code;
  return (code === undefined ? undefined : special[code]) ?? exitCodes.failed;
}
