import type { DeadLetterReader } from '../../core/dead-letters.ts';
import { SluiceError } from '../../core/error.ts';
import type { ObjectStore, OutputLookup, OutputState } from '../../core/object-store.ts';
import type { KeptLetter } from '../../core/scored-batch.ts';
import { parseDeadLetter } from './dead-letter-line.ts';
import { readManifest } from './read-manifest.ts';

/** The dead letters of an output that is an object (a file, an S3 object) with its manifest beside it. */
export function objectLetters(store: ObjectStore & OutputLookup, key: string): DeadLetterReader {
  return {
    name: store.name(key),
    async *read(signal) {
      const state = await store.look(key, signal);
      const { isThere, run } = state;
      if (isThere) yield* standingLetters(store, state, signal);
      else if (run?.deadLetters) yield* lettersIn(store, run.deadLetters.key, run.deadLetters.bytes, signal);
      else {
        const how =
          run === null || !run.isDurable
            ? 'Run the job first.'
            : `${run.says} Its dead letters can be read when it is finished.`;
        throw new SluiceError('INTAKE_NOT_FOUND', `There is no output ${store.name(key)}. ${how}`);
      }
    },
  };
}

/** The dead letters that the manifest of an output names. Throws INTAKE_NOT_FOUND for no manifest, LEDGER_BROKEN for none of this version. */
export async function* standingLetters(
  store: ObjectStore,
  state: OutputState,
  signal: AbortSignal,
): AsyncGenerator<KeptLetter, void> {
  const manifest = await readManifest(store, state.manifest, signal);
  if (manifest === null)
    throw new SluiceError('LEDGER_BROKEN', `${store.name(state.manifest)} is no manifest of this version of Sluice.`);
  const found = manifest.objects.find(({ role }) => role === 'deadLetters');
  if (found !== undefined) yield* lettersIn(store, state.keyOf(found.name), found.bytes, signal);
}

const LF = 0x0a;

/** The letters in the first bytes of an object. Throws LEDGER_BROKEN for a line that is none. */
async function* lettersIn(
  store: Pick<ObjectStore, 'read' | 'name'>,
  key: string,
  bytes: number,
  signal: AbortSignal,
): AsyncGenerator<KeptLetter, void> {
  let rest: Buffer = Buffer.alloc(0);
  let left = bytes;
  let number = 0;
  if (bytes === 0) return;
  for await (const chunk of store.read(key, 0, signal)) {
    const text = Buffer.concat([rest, chunk.subarray(0, left)]);
    left -= chunk.length;
    let from = 0;
    for (let end = text.indexOf(LF); end >= 0; end = text.indexOf(LF, from)) {
      number += 1;
      const letter = parseDeadLetter(text.toString('utf8', from, end));
      if (letter === null)
        throw new SluiceError('LEDGER_BROKEN', `Line ${number} of ${store.name(key)} is no dead letter.`);
      yield letter;
      from = end + 1;
    }
    rest = text.subarray(from);
    if (left <= 0) return;
  }
}
