/** A part of a connector, and the test files that list the checks of the acceptance kit for it. */
export interface ConnectorPart {
  /** What it reads or writes, and how it is continued. One line. */
  readonly says: string;
  /** Of `test/acceptance`; empty for what promises nothing after a crash. */
  readonly tests: readonly string[];
}

/** A system that rows come from or go to. */
export interface Connector {
  readonly system: string;
  /** `type` in `intakeSettings` and `outputSettings`. */
  readonly type: string;
  /** Where its settings and what it leaves behind are told. */
  readonly guide: string;
  /** Null: it cannot be read. */
  readonly intake: ConnectorPart | null;
  /** Null: it cannot be written. */
  readonly output: ConnectorPart | null;
}

/** Every connector, in the order of the reference. What is proved of each is not said here: it is found in its tests. */
export const connectors: readonly Connector[] = [
  {
    system: 'Local files',
    type: 'localFile',
    guide: 'connectors/file/README.md',
    intake: {
      says: 'A file, several, a folder, a pattern; plain, gzip, zstd. Continued at the row.',
      tests: ['file.test.ts'],
    },
    output: {
      says: 'A file, invisible until it is whole, with its manifest. Continued at the last commit.',
      tests: ['file.test.ts'],
    },
  },
  {
    system: 'Standard input and output',
    type: 'localFile',
    guide: 'docs/guide/command-line.md',
    intake: { says: '`-`. Comes only once: begun anew after a crash.', tests: [] },
    output: { says: '`-`. What was written cannot be taken back.', tests: [] },
  },
  {
    system: 'S3 and what speaks as it does',
    type: 's3',
    guide: 'connectors/s3/README.md',
    intake: {
      says: 'An object, a prefix, a pattern, each object in one state. Continued at the row.',
      tests: ['s3.test.ts'],
    },
    output: {
      says: 'An object, invisible until its upload is completed. Continued by another machine, too.',
      tests: ['s3.test.ts'],
    },
  },
  {
    system: 'Kafka topics',
    type: 'kafka',
    guide: 'docs/guide/kafka.md',
    intake: {
      says: 'A replay of topics to an end, or live topics for ever. Continued at the offset.',
      tests: ['kafka.test.ts'],
    },
    output: {
      says: 'A message per row, in transactions. Readers of committed records see each row once.',
      tests: ['kafka.test.ts'],
    },
  },
  {
    system: 'SQL databases: PostgreSQL, MySQL and MariaDB, SQLite, and others by JDBC',
    type: 'jdbc',
    guide: 'connectors/sql/README.md',
    intake: {
      says: 'A table, or a query. Continued behind the key of the last row; a query that has only an order, at the row.',
      tests: ['sql.test.ts'],
    },
    output: {
      says: 'A table: new rows, changed ones, or both, with their dead letters in one transaction. Continued at the last commit.',
      tests: ['sql.test.ts'],
    },
  },
  {
    system: 'Addresses of the web',
    type: 'http',
    guide: 'connectors/http/README.md',
    intake: { says: 'What stands at an address, in one state. Continued at the row.', tests: ['http.test.ts'] },
    output: {
      says: 'All rows as one body, kept in a file until it is sent. A PUT to a server that keeps it counts once; a POST whose answer was lost may come twice, so no more than at-least-once is promised.',
      tests: ['http.test.ts'],
    },
  },
  {
    system: 'Datasets of a catalog',
    type: 'dataset',
    guide: 'connectors/catalog/README.md',
    intake: {
      says: "A version of a dataset, in Sluice's own registry or an AI Catalog. Continued at the row, in the same version.",
      tests: ['catalog.test.ts'],
    },
    output: null,
  },
];
