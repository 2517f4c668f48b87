/** All that the author of a connector imports: the contracts, the error, the codecs. Connectors see this and their own driver. */

export * from './codecs/compression.ts';
export * from './codecs/csv/csv-codec.ts';
export { guessDelimiter } from './codecs/csv/csv-header.ts';
export * from './codecs/csv/csv-settings.ts';
export { createReaders, createWriter, type ObjectReaders, type ReaderSettings } from './codecs/formats.ts';
export * from './codecs/object-format.ts';
export * from './codecs/objects/writing-process.ts';
export * from './codecs/records/transactional-sink.ts';
export * from './codecs/records/transactional-store.ts';
export * from './core/batch-limits.ts';
export * from './core/batches-of.ts';
export * from './core/clock.ts';
export * from './core/codec.ts';
export * from './core/error.ts';
export * from './core/json.ts';
export * from './core/ledger.ts';
export * from './core/model.ts';
export * from './core/object-store.ts';
export * from './core/position.ts';
export * from './core/row-batch.ts';
export * from './core/schema.ts';
export * from './core/scored-batch.ts';
export * from './core/sink.ts';
export * from './core/source.ts';
export * from './core/value.ts';
