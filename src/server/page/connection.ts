import type { LiveJob, LiveSnapshot } from '../live/live-view.ts';
import { accessHeaders, address } from './api.ts';
import { EventParser } from './event-parser.ts';
import type { LiveState } from './live-state.ts';

/** The server gives a sign of life every 15 seconds; a stream that is silent for longer than this is dead. */
const SILENT_MS = 40_000;
const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000];

/**
 * Keeps the page told of changes as long as it is seen: a browser opens six connections to a server and no more, so tabs that nobody looks
 * at let go of theirs, and begin with a new snapshot when they are looked at again.
 */
export class Connection {
  readonly #state: LiveState;
  #stream: AbortController | null = null;
  #attempt = 0;
  #timer = 0;

  constructor(state: LiveState) {
    this.#state = state;
    document.addEventListener('visibilitychange', () => this.restart());
  }

  /** Begins anew, with the token of now. */
  restart(): void {
    this.#stream?.abort();
    this.#stream = null;
    clearTimeout(this.#timer);
    this.#attempt = 0;
    if (document.visibilityState === 'visible') void this.#open();
  }

  async #open(): Promise<void> {
    const stream = new AbortController();
    this.#stream = stream;
    let watchdog = 0;
    const alive = (): void => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => stream.abort(), SILENT_MS);
    };
    alive();
    try {
      const reply = await fetch(address('/live/events/'), { headers: accessHeaders(), signal: stream.signal });
      if (reply.status === 401 || reply.status === 403) {
        this.#state.setLink('refused');
        return;
      }
      if (!reply.ok || reply.body === null) throw new Error(`status ${reply.status}`);
      const parser = new EventParser();
      for await (const piece of reply.body.pipeThrough(new TextDecoderStream())) {
        alive();
        for (const { name, data } of parser.feed(piece)) this.#heard(name, data);
      }
    } catch {
      // Whatever broke it, it is tried again.
    } finally {
      clearTimeout(watchdog);
    }
    if (this.#stream !== stream) return;
    this.#state.setLink('broken');
    const wait = RETRY_MS[Math.min(this.#attempt, RETRY_MS.length - 1)]!;
    this.#attempt += 1;
    this.#timer = setTimeout(() => void this.#open(), wait);
  }

  #heard(name: string, data: string): void {
    if (name === 'snapshot') {
      this.#attempt = 0;
      this.#state.snapshot(JSON.parse(data) as LiveSnapshot);
    }
    if (name === 'jobs') this.#state.put(JSON.parse(data) as readonly LiveJob[]);
  }
}
