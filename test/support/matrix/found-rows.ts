import { parse } from 'csv-parse/sync';

/** A scored row, by column. */
export type Scored = Readonly<Record<string, string | number | null>>;

/** `[flight_id, prediction]` of each row: CSV with a header, or JSON Lines. */
export function scoredIn(text: string): readonly (readonly [string, string])[] {
  if (text.startsWith('{'))
    return text
      .trimEnd()
      .split('\n')
      .map((line) => scoredOf(JSON.parse(line) as Scored));
  return parse<Scored>(text, { columns: true }).map(scoredOf);
}

export function scoredOf(row: Scored): readonly [string, string] {
  return [String(row['flight_id']), String(row['y_PREDICTION'] ?? '')];
}

/** The flights of dead letters, a letter in each line. */
export function deadIn(lines: string): readonly string[] {
  const letters = lines.split('\n').filter((line) => line !== '');
  return letters.map((line) => idIn((JSON.parse(line) as { readonly bytes: string }).bytes));
}

/** The flight ID in a row, whatever its form. */
export function idIn(row: string): string {
  return /\bf\d+\b/.exec(row)?.[0] ?? `no flight in ${row}`;
}
