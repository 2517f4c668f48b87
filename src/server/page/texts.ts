import type { LiveJob } from '../live/live-view.ts';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });

/** 1234567 as `1,234,567`. */
export function amount(value: number): string {
  return whole.format(value);
}

/** 1234567 as `1.23M`. */
export function compact(value: number): string {
  return short.format(value);
}

/** Rows a second, as exact as anybody wants them. */
export function rateText(rate: number): string {
  if (rate < 10) return String(Number(rate.toPrecision(2)));
  return rate < 99_999.5 ? amount(rate) : compact(rate);
}

/** 65,000 ms as `1 min 05 s`: two units at the most. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const hours = Math.floor(seconds / 3_600);
  if (hours < 48) return `${hours} h ${two(Math.floor((seconds % 3_600) / 60))} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A latency: three digits, in the unit that suits. */
export function latency(ms: number | null): string {
  if (ms === null) return '–';
  return ms >= 1_000 ? `${Number((ms / 1_000).toPrecision(3))} s` : `${Number(ms.toPrecision(3))} ms`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** In units of a thousand. */
export function byteText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit === 0 ? value : Number(value.toPrecision(3))} ${UNITS[unit]}`;
}

/** A share of 1 as `12.3 %`. */
export function percentText(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

/** Four digits tell enough. */
export function figure(value: number | null): string {
  return value === null ? '–' : String(Number(value.toPrecision(4)));
}

/** `2 rows`, `1 row`. */
export function counted(count: number, one: string, several = `${one}s`): string {
  return `${amount(count)} ${count === 1 ? one : several}`;
}

/** A moment by the reader's own clock: the time alone for one of today. @param now milliseconds since 1970, as `at`. */
export function moment(at: number, now: number): string {
  const [date, today] = [new Date(at), new Date(now)];
  const time = date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  if (date.toDateString() === today.toDateString()) return time;
  return `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })}, ${time.slice(0, 5)}`;
}

/** How a state looks. */
export type Tone = 'wait' | 'run' | 'good' | 'bad' | 'warn';

/** What a job does, in a word or two. */
export function stateOf({ status, upload, queuePosition, isReplayed, sample }: LiveJob): {
  readonly text: string;
  readonly tone: Tone;
} {
  if (status === 'COMPLETED') return isReplayed ? { text: 'Replaying', tone: 'run' } : { text: 'Done', tone: 'good' };
  if (status === 'ABORTED') return { text: 'Aborted', tone: 'bad' };
  if (status === 'RUNNING') {
    if (sample?.state === 'paused') return { text: 'Paused', tone: 'warn' };
    if (sample?.state === 'draining') return { text: 'Stopping', tone: 'warn' };
    return { text: sample?.state === 'publishing' ? 'Finishing' : 'Running', tone: 'run' };
  }
  if (queuePosition !== null)
    return { text: queuePosition === 0 ? 'Next' : `Waiting, ${amount(queuePosition)} before it`, tone: 'wait' };
  if (upload === 'waiting') return { text: 'Waits for its rows', tone: 'wait' };
  return { text: upload === 'open' ? 'Uploading' : 'Waiting', tone: 'wait' };
}

/** Rows that were not scored. */
export function badRows({ rows }: LiveJob): number {
  return rows.failed + rows.skipped;
}

/** Rows a second over the whole time of a job, or now while it runs; null before its first row. */
export function rateOf({ sample, rows, elapsedMs, status }: LiveJob): number | null {
  if (sample !== null) return sample.rowsPerSecond;
  if (status === 'INITIALIZING' || rows.read === 0 || elapsedMs < 1) return null;
  return (1_000 * rows.read) / elapsedMs;
}
