import { SluiceError } from '../../../core/error.ts';
import type { ServerSettings } from '../server-settings.ts';

const AGAIN_MS = 5_000;

/** The uploads that are under way in this process, of jobs and of datasets: in all, and of each user. */
export class UploadSlots {
  readonly #limits: ServerSettings['limits'];
  #open = 0;
  readonly #ofUser = new Map<string, number>();

  constructor(limits: ServerSettings['limits']) {
    this.#limits = limits;
  }

  /** Takes a place, which is given back by the disposal of what is returned. Throws JOB_LIMIT (429) where there is none. */
  take(userId: string): Disposable {
    const { uploads, uploadsPerUser } = this.#limits;
    const ofUser = this.#ofUser.get(userId) ?? 0;
    if (ofUser >= uploadsPerUser) throw full(`${ofUser} of your uploads are under way; try again when one has ended.`);
    if (this.#open >= uploads) throw full(`${uploads} uploads are under way; try again later.`);
    this.#open += 1;
    this.#ofUser.set(userId, ofUser + 1);
    return { [Symbol.dispose]: () => this.#left(userId) };
  }

  #left(userId: string): void {
    this.#open -= 1;
    const left = (this.#ofUser.get(userId) ?? 1) - 1;
    if (left > 0) this.#ofUser.set(userId, left);
    else this.#ofUser.delete(userId);
  }
}

/** What comes of an upload, which throws JOB_LIMIT (413) when it is too large. @param most bytes; null: no limit. */
export async function* limitedUpload<T extends Uint8Array>(
  body: AsyncIterable<T>,
  most: number | null,
): AsyncGenerator<T, void> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (most !== null && bytes > most)
      throw new SluiceError('JOB_LIMIT', `The upload is larger than the limit of ${most} bytes.`, { status: 413 });
    yield chunk;
  }
}

function full(message: string): SluiceError {
  return new SluiceError('JOB_LIMIT', message, { status: 429, waitMs: AGAIN_MS });
}
