/** One cell of a row as a value. `null` is a missing value, the empty string is not. */
export type Value = string | number | bigint | boolean | null;
