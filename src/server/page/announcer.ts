import type { LiveJob } from '../live/live-view.ts';
import type { LiveState } from './live-state.ts';
import { badRows, counted } from './texts.ts';

/** Tells readers of the screen what they would otherwise miss: ends of jobs, uploads, the connection. Not progress: that would never end. */
export class Announcer {
  readonly #place: HTMLElement;
  readonly #seen = new Map<string, LiveJob['status']>();
  #link: LiveState['link'] = 'connecting';

  constructor(place: HTMLElement, state: LiveState) {
    this.#place = place;
    state.listen((changed) => this.#look(state, changed));
  }

  say(text: string): void {
    this.#place.textContent = text;
  }

  #look({ link }: LiveState, changed: readonly LiveJob[]): void {
    const news = changed.flatMap((job) => {
      const before = this.#seen.get(job.id);
      this.#seen.set(job.id, job.status);
      if (before === undefined || before === job.status) return [];
      if (job.status === 'COMPLETED')
        return [`Job of ${job.deploymentId} done: ${counted(job.rows.scored, 'row')} scored, ${badRows(job)} bad.`];
      return job.status === 'ABORTED' ? [`Job of ${job.deploymentId} aborted.`] : [];
    });
    if (this.#link === 'live' && link === 'broken') news.push('The connection to the server is lost.');
    if (this.#link === 'broken' && link === 'live') news.push('The connection to the server is back.');
    this.#link = link;
    if (news.length > 3) this.say(`${news.length} jobs have ended.`);
    else if (news.length > 0) this.say(news.join(' '));
  }
}
