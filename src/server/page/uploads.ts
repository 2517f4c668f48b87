import { accessHeaders, address, ask, messageOf } from './api.ts';

/** A file on its way to a job. */
export interface Upload {
  readonly file: File;
  readonly sent: number;
  /** `broken`: it can be sent again. `refused`: the server does not want it. */
  readonly state: 'sending' | 'sent' | 'broken' | 'refused';
  readonly problem: string;
}

/** The uploads of this tab, by the job that they are for. */
export class Uploads {
  readonly #uploads = new Map<string, Upload>();
  readonly #changed: (id: string) => void;

  /** @param changed called when something has become of an upload. */
  constructor(changed: (id: string) => void) {
    this.#changed = changed;
    addEventListener('beforeunload', (event) => {
      if ([...this.#uploads.values()].some(({ state }) => state === 'sending')) event.preventDefault();
    });
  }

  of(id: string): Upload | null {
    return this.#uploads.get(id) ?? null;
  }

  /** Makes a job and begins to send its rows. Gives the job's ID as soon as there is one; throws ApiError. */
  async start(deploymentId: string, file: File, keepsColumns: boolean): Promise<string> {
    const body = { deploymentId, ...(keepsColumns ? { passthroughColumnsSet: 'all' } : {}) };
    const { id } = await ask<{ readonly id: string }>('/batchPredictions/', {
      method: 'POST',
      body: JSON.stringify(body),
    });
    this.send(id, file);
    return id;
  }

  /** Sends the rows, or all of them again: what is there already the server passes over. */
  send(id: string, file: File): void {
    // Only this kind of request tells how much of it has been sent.
    const request = new XMLHttpRequest();
    request.open('PUT', address(`/batchPredictions/${id}/csvUpload/`));
    request.setRequestHeader('content-type', 'text/csv');
    for (const [name, value] of Object.entries(accessHeaders())) request.setRequestHeader(name, value);
    const set = (state: Upload['state'], sent: number, problem = ''): void => {
      this.#uploads.set(id, { file, sent, state, problem });
      this.#changed(id);
    };
    let sent = 0;
    request.upload.addEventListener('progress', ({ loaded }) => set('sending', (sent = loaded)));
    request.addEventListener('load', () => {
      if (request.status === 202) set('sent', file.size);
      else set('refused', sent, messageOf(request.responseText, request.status));
    });
    for (const end of ['error', 'abort', 'timeout'])
      request.addEventListener(end, () => set('broken', sent, 'The upload broke off. What has arrived is kept.'));
    set('sending', 0);
    request.send(file);
  }
}
