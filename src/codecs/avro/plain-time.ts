import { temporalText } from '../messages/avro/temporal.ts';
import type { RowBlock } from '../row-block.ts';
import { writeAscii, writeDigits } from './plain-text.ts';

/** 0001-01-01 and 9999-12-31, in days from 1970: years of four digits. */
const FIRST_DAY = -719_162;
const LAST_DAY = 2_932_896;
const DAY_SECONDS = 86_400;

const UNITS: Readonly<Record<string, { readonly perSecond: number; readonly digits: number; readonly end: string }>> = {
  'timestamp-millis': { perSecond: 1e3, digits: 3, end: 'Z' },
  'timestamp-micros': { perSecond: 1e6, digits: 6, end: 'Z' },
  'local-timestamp-millis': { perSecond: 1e3, digits: 3, end: '' },
  'local-timestamp-micros': { perSecond: 1e6, digits: 6, end: '' },
};

/** Writes what `temporalText` makes: dates and times of years of four digits without a Date and without bigints. */
export function writeTime(block: RowBlock, logical: string, value: number | bigint): void {
  block.reserve(48);
  if (typeof value === 'number') {
    if (logical === 'date' && value >= FIRST_DAY && value <= LAST_DAY) {
      writeDay(block, value);
      return;
    }
    const units = UNITS[logical];
    if (units !== undefined) {
      const { perSecond, digits, end } = units;
      const seconds = Math.floor(value / perSecond);
      const day = Math.floor(seconds / DAY_SECONDS);
      if (day >= FIRST_DAY && day <= LAST_DAY) {
        writeDay(block, day);
        writeClock(block, seconds - DAY_SECONDS * day);
        block.bytes[block.at++] = 0x2e;
        writeDigits(block, value - perSecond * seconds, digits);
        writeAscii(block, end);
        return;
      }
    }
  }
  writeAscii(block, temporalText(logical, value));
}

/** YYYY-MM-DD, by counting from 1 March of the year 0, so that leap days come last. */
function writeDay(block: RowBlock, day: number): void {
  const days = day + 719_468;
  const era = Math.floor(days / 146_097);
  const ofEra = days - 146_097 * era;
  const year = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const month = Math.floor((5 * ofYear + 2) / 153);
  const isNextYear = month >= 10;
  writeDigits(block, 400 * era + year + (isNextYear ? 1 : 0), 4);
  block.bytes[block.at++] = 0x2d;
  writeDigits(block, isNextYear ? month - 9 : month + 3, 2);
  block.bytes[block.at++] = 0x2d;
  writeDigits(block, ofYear - Math.floor((153 * month + 2) / 5) + 1, 2);
}

/** THH:MM:SS. */
function writeClock(block: RowBlock, seconds: number): void {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) - 60 * hours;
  block.bytes[block.at++] = 0x54;
  writeDigits(block, hours, 2);
  block.bytes[block.at++] = 0x3a;
  writeDigits(block, minutes, 2);
  block.bytes[block.at++] = 0x3a;
  writeDigits(block, seconds - 3600 * hours - 60 * minutes, 2);
}
