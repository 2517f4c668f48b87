import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ACCEPTANCE = join(import.meta.dirname, '../../test/acceptance');

/** What the checks of the kit show, by the function that a test lists; the order is that of the reference. */
const behaviours: ReadonlyMap<string, { readonly of: 'source' | 'sink' | 'both'; readonly shows: string }> = new Map([
  ['acceptSource', { of: 'source', shows: 'all rows once, in order, continued at every position' }],
  ['splitsInParallel', { of: 'source', shows: 'parallel splits' }],
  ['continuesAfterKills', { of: 'source', shows: 'kill -9 while reading' }],
  ['stoppedReaderStopsReading', { of: 'source', shows: 'back-pressure' }],
  ['difficultValuesAreRead', { of: 'source', shows: 'difficult values' }],
  ['sourceKeepsSecrets', { of: 'source', shows: 'secrets' }],
  ['acceptSink', { of: 'sink', shows: 'exactly once, killed at every operation' }],
  ['acceptGrowingSink', { of: 'sink', shows: 'exactly once, killed at every operation' }],
  ['killedBetweenWriteAndCommit', { of: 'sink', shows: 'kill -9 between write and commit' }],
  ['killedBetweenCommitAndPublish', { of: 'sink', shows: 'kill -9 between commit and publish' }],
  ['deliveredAgainIsWrittenOnce', { of: 'sink', shows: 'repeated delivery' }],
  ['abortLeavesNothing', { of: 'sink', shows: 'abort leaves nothing' }],
  ['difficultValuesAreWritten', { of: 'sink', shows: 'difficult values' }],
  ['sinkKeepsSecrets', { of: 'sink', shows: 'secrets' }],
  ['checkNamesWhatIsWrong', { of: 'both', shows: '`check`' }],
]);

/** What the tests show of a source or a sink. They are run by `npm test`, so what is listed is true. */
export interface Proved {
  readonly guarantee: 'exactly once' | 'every row once, at every position' | 'none';
  readonly shows: readonly string[];
}

/** Reads which checks of the kit the test files call. */
export function provedOf(part: 'source' | 'sink', tests: readonly string[]): Proved {
  const called = new Set(tests.flatMap((name) => callsIn(readFileSync(join(ACCEPTANCE, name), 'utf8'))));
  const listed = [...behaviours].filter(([name, { of }]) => called.has(name) && (of === part || of === 'both'));
  const shows = [...new Set(listed.map(([, behaviour]) => behaviour.shows))];
  const base =
    part === 'source' ? called.has('acceptSource') : called.has('acceptSink') || called.has('acceptGrowingSink');
  const guarantee = !base ? 'none' : part === 'sink' ? 'exactly once' : 'every row once, at every position';
  return { guarantee, shows };
}

function callsIn(text: string): readonly string[] {
  return [...text.matchAll(/\b(\w+)\(/g)].map((match) => match[1]!);
}

/** The functions of the kit that this file knows. */
export const knownBehaviours: readonly string[] = [...behaviours.keys()];
