/** The acceptance kit: what a source or sink must show before its guarantee is believed. Needs no test framework. */

export { acceptSink } from './testing/accept-sink.ts';
export { acceptSource } from './testing/accept-source.ts';
export type { AcceptanceCheck } from './testing/acceptance-check.ts';
export type { PublishedLetter, PublishedOutput } from './testing/published-output.ts';
export type { SinkDriver, SinkPlace } from './testing/sink-driver.ts';
export { SinkPlan, type SinkPlanSize } from './testing/sink-plan.ts';
export type { SourceDriver } from './testing/source-driver.ts';
export { runWholeOutput } from './testing/whole-output.ts';
