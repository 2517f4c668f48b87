/** The acceptance kit: what a source or sink must show before its guarantee is believed. Needs no test framework. */

export type { ErrorCode } from './core/error-table.ts';
export { checkNamesWhatIsWrong } from './testing/accept-check.ts';
export { acceptGrowingSink, acceptSink } from './testing/accept-sink.ts';
export { acceptSource } from './testing/accept-source.ts';
export type { AcceptanceCheck } from './testing/acceptance-check.ts';
export type { CheckDriver, ConnectorFault } from './testing/check-driver.ts';
export { type DifficultValue, difficultValues } from './testing/difficult-values.ts';
export { type DyingMoment, runUntilKilled } from './testing/dying-run.ts';
export { continuesAfterKills, type KillableSourceDriver, tellBatches } from './testing/killed-reader.ts';
export type { PublishedLetter, PublishedOutput } from './testing/published-output.ts';
export {
  abortLeavesNothing,
  type DyingSinkDriver,
  type DyingSinkPlace,
  deliveredAgainIsWrittenOnce,
  difficultValuesAreWritten,
  killedBetweenCommitAndPublish,
  killedBetweenWriteAndCommit,
  type OpenSinkDriver,
  type OpenSinkPlace,
  sinkKeepsSecrets,
} from './testing/sink-behaviours.ts';
export type { SinkDriver, SinkPlace } from './testing/sink-driver.ts';
export { SinkPlan, type SinkPlanSize } from './testing/sink-plan.ts';
export {
  type DifficultIntake,
  difficultValuesAreRead,
  type SecretSourceDriver,
  sourceKeepsSecrets,
  splitsInParallel,
  stoppedReaderStopsReading,
  type WideIntake,
} from './testing/source-behaviours.ts';
export type { SourceDriver } from './testing/source-driver.ts';
export { runWholeOutput } from './testing/whole-output.ts';
