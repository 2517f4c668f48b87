import { SluiceError } from '../core/error.ts';

/** What a request asks for cannot be had: 422. @param message without a full stop at its end. */
export function refused(message: string): SluiceError {
  return new SluiceError('REQUEST_INVALID', `${message}.`, { status: 422 });
}
