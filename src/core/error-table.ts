interface ErrorEntry {
  readonly scope: 'row' | 'batch' | 'connection' | 'job';
  /** Whether the same work may succeed when it is tried again without anybody changing anything. */
  readonly retryable: boolean;
  /** What it means, one line. */
  readonly summary: string;
  /** What the user does about it. */
  readonly remedy: string;
}

const entry = (scope: ErrorEntry['scope'], retryable: boolean, summary: string, remedy: string): ErrorEntry => ({
  scope,
  retryable,
  summary,
  remedy,
});

/** Every error of Sluice, by area. docs/reference/errors.md is generated from this table (`npm run docs`). */
export const errorTable = {
  // The job description and the command line
  CONFIG_INVALID: entry(
    'job',
    false,
    'A job file, configuration or option is not valid.',
    'Correct the named field; `sluice schema` prints what is allowed.',
  ),
  CONFIG_UNREADABLE: entry(
    'job',
    false,
    'A job or configuration file cannot be read or parsed.',
    'Check the path, the rights and the YAML at the named line.',
  ),
  CONFIG_VARIABLE: entry(
    'job',
    false,
    'A ${VARIABLE} in a value is not set.',
    'Set the variable, or give a default: ${NAME:-default}.',
  ),
  DEPLOYMENT_UNKNOWN: entry(
    'job',
    false,
    'The deploymentId names no entry of the configuration.',
    'Add the deployment to the file given with --config, or describe it inline.',
  ),
  // Intake
  INTAKE_NOT_FOUND: entry(
    'job',
    false,
    'A file, folder or pattern of the intake matches nothing.',
    'Check the path in intakeSettings.',
  ),
  INTAKE_UNREADABLE: entry(
    'job',
    false,
    'The intake exists but cannot be read.',
    'Check the rights, and that it is a file and not a folder or device.',
  ),
  INTAKE_EMPTY: entry(
    'job',
    false,
    'The intake holds no header, or no rows.',
    'Check that the right file was given and that it was written completely.',
  ),
  INTAKE_CHANGED: entry(
    'job',
    false,
    'The intake is not the one that the interrupted job began with.',
    'Restore it, or start anew with --overwrite.',
  ),
  INTAKE_TOO_LARGE: entry(
    'job',
    false,
    'The intake has more columns or bytes than the server takes.',
    'Divide it, or have server.limits raised in the configuration of the server.',
  ),
  DATASET_UNUSABLE: entry(
    'job',
    false,
    'The version of the dataset is not a snapshot, or is not ingested.',
    'Create a snapshot in the catalog, or name a version that is one in intakeSettings.datasetVersionId.',
  ),
  INTAKE_ENCODING: entry(
    'job',
    false,
    'The bytes do not fit the encoding.',
    'Set csvSettings.encoding to the encoding of the file.',
  ),
  INTAKE_COMPRESSION: entry(
    'job',
    false,
    'The compressed data is broken or ends too early.',
    'Check the file with gzip -t or zstd -t, or set intakeSettings.compression.',
  ),
  CSV_HEADER: entry(
    'job',
    false,
    'The header has empty or duplicate names, or does not match the first file.',
    'Correct the header line.',
  ),
  CSV_RAGGED: entry(
    'job',
    false,
    'A record has more or fewer fields than the header.',
    'Correct the named line, check csvSettings.delimiter, or skip such rows with csvSettings.raggedRows: skip.',
  ),
  CSV_QUOTE: entry(
    'job',
    false,
    'A quote stands where none may be, or is never closed.',
    'Correct the named line, or set csvSettings.quotechar.',
  ),
  CSV_BINARY: entry(
    'job',
    false,
    'The data is not text.',
    'Give a CSV file; set intakeSettings.compression for compressed ones.',
  ),
  CSV_RECORD_TOO_LARGE: entry(
    'job',
    false,
    'A record is larger than the limit.',
    'Look for an unclosed quote, or raise csvSettings.maxRecordBytes.',
  ),
  FORMAT_BROKEN: entry(
    'job',
    false,
    'An object of the intake is not what its format says.',
    'Correct it at the named place, or set intakeSettings.format to what it is.',
  ),
  FORMAT_COLUMNS: entry(
    'job',
    false,
    'A row or an object of the intake has other columns than the first ones.',
    'Name the columns to read in intakeSettings.columns.',
  ),
  PARQUET_UNSUPPORTED: entry(
    'job',
    false,
    'A Parquet file has something that is not read: encryption, a codec, two columns of one name.',
    'Write the file without it, or leave the column out with intakeSettings.columns.',
  ),
  COLUMN_UNKNOWN: entry(
    'job',
    false,
    'A setting names a column that the data does not have.',
    'Correct the name; the message lists the nearest ones.',
  ),
  COLUMN_CONFLICT: entry(
    'job',
    false,
    'Two output columns would have the same name.',
    'Rename one with columnNamesRemapping.',
  ),
  // Output
  OUTPUT_EXISTS: entry(
    'job',
    false,
    'The output exists already.',
    'Choose another path, or replace it with --overwrite.',
  ),
  OUTPUT_LOCKED: entry(
    'job',
    false,
    'Another run is writing the same output.',
    'Wait for it, stop it, or choose another path.',
  ),
  OUTPUT_UNWRITABLE: entry('job', false, 'The output cannot be written.', 'Check the folder and its rights.'),
  OUTPUT_ENCODING: entry(
    'job',
    false,
    'A character of the output cannot be written in its encoding.',
    'Set csvSettings.encoding to utf-8.',
  ),
  OUTPUT_TYPE: entry(
    'job',
    false,
    'A value does not fit the type that its column has in the output.',
    'Give intake files of one kind, or write CSV.',
  ),
  OUTPUT_FULL: entry(
    'job',
    false,
    'The disk of the output is full.',
    'Free some space and run the same job again: it continues.',
  ),
  STORE_UNREACHABLE: entry(
    'connection',
    true,
    'The store of objects (S3, a server behind an address, a catalog) does not answer, or only that it cannot.',
    'Correct its address, or wait for the store; run the same job again to continue.',
  ),
  STORE_ACCESS: entry(
    'job',
    false,
    'The store of objects (S3, a server behind an address, a catalog) refuses the credentials, or they give no right to the object.',
    'Correct or renew the credentials, or have the right given that the message names; run the same job again to continue.',
  ),
  DATABASE_UNREACHABLE: entry(
    'connection',
    true,
    'The database does not answer, or a connection to it was lost and did not come back.',
    'Start it, or correct the address; run the same job again to continue.',
  ),
  DATABASE_ACCESS: entry(
    'job',
    false,
    'The database refuses the user or the password, or the user has no right to do it.',
    'Correct the credentials, or have the right granted that the message names; run the same job again to continue.',
  ),
  DATABASE_MISSING: entry(
    'job',
    false,
    'There is no such database, schema, table or column.',
    'Correct the name, or create it; createTableIfNotExists makes the table of an output.',
  ),
  DATABASE_FAULT: entry(
    'job',
    false,
    'The database refused a statement.',
    'Look at the message: for an intake the query is at fault, for an output mostly a trigger or a type of the table.',
  ),
  JAVA_MISSING: entry(
    'job',
    false,
    'A database is reached by its JDBC driver, and there is no Java that can run it.',
    'Install a JDK of version 11 or newer (Debian, Ubuntu: apt-get install default-jdk-headless), or set JAVA_HOME.',
  ),
  TARGET_REFUSED: entry(
    'job',
    false,
    'A job given over the API names an address that jobs of that server may not connect to.',
    'Name an address of the open network, or have the one meant allowed by server.allowTargets in the configuration of the server.',
  ),
  SEAL_BROKEN: entry(
    'job',
    false,
    'A secret that the server keeps sealed cannot be opened.',
    'Give the key that it was sealed with by SLUICE_KEY or SLUICE_KEY_OLD; what was changed must be given anew.',
  ),
  LEDGER_OTHER_JOB: entry(
    'job',
    false,
    'The interrupted output belongs to another job, or to this one with other settings.',
    'Undo the named change, choose another output, or start anew with --overwrite.',
  ),
  LEDGER_BROKEN: entry(
    'job',
    false,
    'The ledger and what it describes do not fit each other.',
    'Restore both, or start anew with --overwrite.',
  ),
  // Prediction server
  SERVER_UNREACHABLE: entry(
    'connection',
    true,
    'No connection to the prediction server.',
    'Start it, or correct the server address; the job keeps its place and continues.',
  ),
  SERVER_OVERLOADED: entry(
    'connection',
    true,
    'The prediction server refuses or times out for now.',
    'Nothing, it is tried again; lower numConcurrent if it goes on.',
  ),
  SERVER_ACCESS: entry(
    'connection',
    true,
    'The prediction server refuses the token, or does not know the deployment.',
    'Correct the token or the deployment; the job waits and keeps every row.',
  ),
  SERVER_FAULT: entry(
    'batch',
    true,
    'The prediction server failed on a request.',
    'See its log; if single rows are the cause they become dead letters.',
  ),
  MODEL_COLUMNS: entry(
    'job',
    false,
    'The rows have not the columns that the model needs, or not of its types.',
    'Correct the intake, or the settings of the deployment that say which columns go to the model.',
  ),
  REQUEST_TOO_LARGE: entry(
    'batch',
    false,
    'A request is larger than the prediction server takes.',
    'Nothing, batches are halved; a single row that is too large becomes a dead letter.',
  ),
  ROW_REJECTED: entry(
    'row',
    false,
    'The prediction server cannot score a row.',
    'Correct the row; the dead letter holds it with the reason.',
  ),
  REPLY_MISMATCH: entry(
    'batch',
    true,
    'A reply does not match its rows (missing, doubled, shuffled or truncated).',
    'Look at the prediction server and what stands between: nothing was written for these rows.',
  ),
  MODEL_CHANGED: entry(
    'job',
    false,
    'Another model answered than the one the job was created with.',
    'Start anew with --overwrite, or restore the model.',
  ),
  RETRY_BUDGET_SPENT: entry(
    'job',
    false,
    'The prediction server did not recover within the retry budget.',
    'Run the same job again when it works: it continues. retry.budgetSeconds sets the time.',
  ),
  // Kafka
  KAFKA_UNREACHABLE: entry(
    'connection',
    true,
    'No broker of the Kafka cluster answers.',
    'Start it, or correct kafka.brokers; the job keeps its place and continues.',
  ),
  KAFKA_ACCESS: entry(
    'job',
    false,
    'Kafka refuses the user, the password, the certificate or a right.',
    'Correct kafka.sasl or kafka.tls, or have the right given that the message names.',
  ),
  KAFKA_TOPIC_MISSING: entry(
    'job',
    false,
    'A topic does not exist, or was removed while it was used.',
    'Create the topic, or correct its name.',
  ),
  KAFKA_FENCED: entry(
    'job',
    true,
    'Another process has taken over what this one was writing or reading.',
    'Nothing, if the other one is meant to run; this one has written nothing since.',
  ),
  KAFKA_RECORD_TOO_LARGE: entry(
    'job',
    false,
    'A record is larger than the topic takes.',
    'Raise max.message.bytes of the topic.',
  ),
  KAFKA_FAULT: entry(
    'job',
    false,
    'Kafka refused a request, or its client library failed.',
    'Look at the message and at the broker; run the same job again to continue.',
  ),
  MESSAGE_SCHEMA: entry(
    'job',
    false,
    'The schema of messages is missing, unknown or does not fit.',
    'Correct the schema registry, the subject, or the columns of the settings.',
  ),
  REGISTRY_UNREACHABLE: entry(
    'connection',
    true,
    'The schema registry does not answer.',
    'Start it, or correct its address; no message is lost meanwhile.',
  ),
  // The job
  TOO_MANY_FAILURES: entry(
    'job',
    false,
    'More rows failed than abortOnError allows.',
    'See the dead letters; set abortOnError: false or raise the limits to go on.',
  ),
  JOB_INTERRUPTED: entry(
    'job',
    true,
    'The job was stopped before its end.',
    'Run the same job again: it continues where it stopped.',
  ),
  VERIFY_FAILED: entry('job', false, 'An output does not match its manifest.', 'Do not use the output; score again.'),
  CHECK_FAILED: entry(
    'job',
    false,
    'Something that the job needs does not work.',
    'See the lines of `sluice doctor` that fail: each says what to do.',
  ),
  // Model server
  MODEL_INVALID: entry(
    'job',
    false,
    'A model file cannot be read or is of a kind that is not supported.',
    'Save the model as XGBoost JSON, or install onnxruntime-node for ONNX.',
  ),
  REQUEST_INVALID: entry(
    'batch',
    false,
    'The model server cannot make sense of a request.',
    'Correct what the message names: a parameter, a column, or the row with its number.',
  ),
  // The server of the REST API
  JOB_UNKNOWN: entry(
    'job',
    false,
    'There is no such job, or it is not yours.',
    'Look at the id; `GET /batchPredictions/` lists your jobs.',
  ),
  JOB_STATE: entry(
    'job',
    false,
    'The job is not in a state in which that can be done.',
    'Look at its `status` and `statusDetails`; the message says what it waits for.',
  ),
  JOB_LIMIT: entry(
    'job',
    true,
    'A limit of the server is reached: jobs of one user, uploads at once, the runtime of a job, batches of monitoring of one day.',
    'Try again later, or raise the limit in `server` of the configuration.',
  ),
  TOKEN_REFUSED: entry(
    'connection',
    false,
    'The token of a request is missing, not known, or gives no right to it.',
    'Send a valid one as `Authorization: Bearer TOKEN`.',
  ),
  // Ourselves
  CONTRACT_BROKEN: entry(
    'job',
    false,
    'A part of Sluice or a connector broke its contract.',
    'Report it with the message: it is a fault in the program.',
  ),
} as const satisfies Record<string, ErrorEntry>;

/** The name of an error; stable across releases. */
export type ErrorCode = keyof typeof errorTable;
