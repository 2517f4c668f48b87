import { basename, dirname, relative } from 'node:path/posix';
import { SluiceError } from '../../src/sdk.ts';
import { parseS3Url, type S3Place, s3Url } from './s3-url.ts';

/** The objects of one output. Everything but the dead letters has the name of the rows with something behind it. */
export interface OutputPlaces {
  /** The output as the user named it, for messages. */
  readonly name: string;
  readonly rows: S3Place;
  readonly deadLetters: S3Place;
  /** Whether the dead letters have a place of their own choice, where something else may stand already. */
  readonly deadLettersElsewhere: boolean;
  /** Where dead letters go unless told otherwise. */
  readonly usualDeadLetters: S3Place;
  readonly ledger: S3Place;
  readonly manifest: S3Place;
  /** What the names of pieces under way begin with. */
  readonly pieces: S3Place;
}

/** The ends of the names of our own objects; a prefix or pattern that is read leaves them out. */
const OWN_NAMES = /(\.(ledger\.json|manifest\.json|dead\.jsonl)|\.partial\/[^/]*)$/;

/** Throws CONFIG_INVALID when an address is none, or the dead letters would take a name that the output needs. */
export function outputPlaces(url: string, deadLettersUrl: string | null): OutputPlaces {
  const rows = parseS3Url(url);
  if (rows.key === '' || rows.key.endsWith('/')) {
    throw new SluiceError('CONFIG_INVALID', `${url} names no object: give the output a name behind the last slash.`);
  }
  const beside = (ending: string): S3Place => ({ bucket: rows.bucket, key: rows.key + ending });
  const usualDeadLetters = beside('.dead.jsonl');
  const deadLetters = deadLettersUrl === null ? usualDeadLetters : parseS3Url(deadLettersUrl);
  const places = {
    name: url,
    rows,
    deadLetters,
    deadLettersElsewhere: s3Url(deadLetters) !== s3Url(usualDeadLetters),
    usualDeadLetters,
    ledger: beside('.ledger.json'),
    manifest: beside('.manifest.json'),
    pieces: beside('.partial/'),
  };
  const taken = [places.rows, places.ledger, places.manifest].map(s3Url);
  if (taken.includes(s3Url(deadLetters)) || deadLetters.key === '' || deadLetters.key.endsWith('/')) {
    throw new SluiceError(
      'CONFIG_INVALID',
      `The dead letters cannot go to ${s3Url(deadLetters)}: name an object that the output does not need itself.`,
    );
  }
  return places;
}

/** Names as a manifest has them: relative to it, or whole addresses in other buckets. */
export function manifestNames({ rows, deadLetters }: OutputPlaces): {
  readonly rows: string;
  readonly deadLetters: string;
} {
  const isNear = deadLetters.bucket === rows.bucket;
  return {
    rows: basename(rows.key),
    deadLetters: isNear ? relative(dirname(rows.key), deadLetters.key) : s3Url(deadLetters),
  };
}

/** Whether an object is one of those that Sluice keeps beside its outputs. */
export function isOwnKey(key: string): boolean {
  return OWN_NAMES.test(key);
}
