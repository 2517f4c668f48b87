/** Units per second of what is counted from 1970, or from midnight. */
const UNITS: Readonly<Record<string, bigint>> = { millis: 1_000n, micros: 1_000_000n, nanos: 1_000_000_000n };
const DAY_SECONDS = 86_400n;
/** Seconds that a Date reaches. */
const MOST_SECONDS = 8_640_000_000_000n;

const DATE = /^(\d{4}|[+-]\d{6})-\d\d-\d\d$/;
const TIME = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?$/;
const TIMESTAMP = /^((?:\d{4}|[+-]\d{6})-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?)?$/i;

/** Whether a logical type counts time. */
export function isTemporal(logical: string): boolean {
  return logical === 'date' || unitsOf(logical) !== undefined;
}

/**
 * ISO 8601 of a date, time-*, timestamp-* (UTC, with a Z) or local-timestamp-* (without). What no calendar reaches stays a number.
 */
export function temporalText(logical: string, value: number | bigint): string {
  if (logical === 'date') {
    const seconds = BigInt(value) * DAY_SECONDS;
    return reachable(seconds) ? dateAndTime(seconds).slice(0, -9) : String(value);
  }
  if (logical === 'timestamp-millis' && typeof value === 'number' && Math.abs(value) <= 8.64e15) {
    return new Date(value).toISOString();
  }
  const units = unitsOf(logical)!;
  const count = BigInt(value);
  const rest = ((count % units) + units) % units;
  const seconds = (count - rest) / units;
  const fraction = String(rest).padStart(String(units).length - 1, '0');
  if (logical.startsWith('time-')) {
    const sound = seconds >= 0n && seconds < DAY_SECONDS;
    return sound ? `${dateAndTime(seconds).slice(-8)}.${fraction}` : String(value);
  }
  if (!reachable(seconds)) return String(value);
  return `${dateAndTime(seconds)}.${fraction}${logical.startsWith('local-') ? '' : 'Z'}`;
}

/** The count of a text that `temporalText` makes, or another ISO 8601 has; null when it is none. A time without a zone is UTC. */
export function temporalCount(logical: string, text: string): bigint | null {
  if (/^[+-]?\d+$/.test(text)) return BigInt(text);
  if (logical === 'date') {
    const ms = DATE.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
    return Number.isNaN(ms) ? null : BigInt(ms / 86_400_000);
  }
  const units = unitsOf(logical)!;
  const places = String(units).length - 1;
  if (logical.startsWith('time-')) {
    const match = TIME.exec(text);
    if (match === null) return null;
    const [, hours, minutes, seconds = '0', fraction = ''] = match;
    const whole = BigInt(hours!) * 3600n + BigInt(minutes!) * 60n + BigInt(seconds);
    return whole * units + fractionOf(fraction, places);
  }
  const match = TIMESTAMP.exec(text);
  if (match === null) return null;
  const [, date, time = '00:00', fraction = '', zone = 'Z'] = match;
  const ms = Date.parse(`${date}T${time}${zone}`);
  return Number.isNaN(ms) ? null : (BigInt(ms) / 1000n) * units + fractionOf(fraction, places);
}

function unitsOf(logical: string): bigint | undefined {
  const match = /^(?:time|timestamp|local-timestamp)-(millis|micros|nanos)$/.exec(logical);
  return match === null ? undefined : UNITS[match[1]!];
}

/** Digits behind a point as a count; those that the unit has no place for are cut off. */
function fractionOf(digits: string, places: number): bigint {
  return BigInt(digits.slice(0, places).padEnd(places, '0'));
}

function reachable(seconds: bigint): boolean {
  return seconds >= -MOST_SECONDS && seconds <= MOST_SECONDS;
}

/** `YYYY-MM-DDTHH:MM:SS`. */
function dateAndTime(seconds: bigint): string {
  return new Date(Number(seconds) * 1000).toISOString().slice(0, -5);
}
