/**
 * Tables of the database of predictions and actuals. Times are milliseconds since 1970. `name` of a job is what its owner knows it by. `class` is
 * null where numbers are predicted; of two classes it is the one that `probability` is of, of more it is empty. The index finds the predictions of an ID, the newest of them.
 */
export const LOG_TABLES = `
CREATE TABLE IF NOT EXISTS jobs (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, deployment TEXT NOT NULL, name TEXT);
CREATE TABLE IF NOT EXISTS predictions (
  job INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  "row" INTEGER NOT NULL,
  deployment TEXT NOT NULL,
  association TEXT NOT NULL,
  scored INTEGER NOT NULL,
  prediction TEXT NOT NULL,
  class TEXT,
  probability REAL,
  PRIMARY KEY (job, sequence, "row")
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS predictions_by_association ON predictions (deployment, association, scored);
CREATE TABLE IF NOT EXISTS actuals (
  deployment TEXT NOT NULL,
  association TEXT NOT NULL,
  value TEXT NOT NULL,
  observed INTEGER,
  PRIMARY KEY (deployment, association)
) WITHOUT ROWID;
`;
