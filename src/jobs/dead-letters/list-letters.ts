import type { DeadLetterReader } from '../../core/dead-letters.ts';
import type { KeptLetter } from '../../core/scored-batch.ts';

/** Dead letters of one cause. */
interface LetterCause {
  readonly kind: KeptLetter['kind'];
  /** The reason, with `#` for the numbers in which its letters differ. */
  readonly cause: string;
  readonly letters: number;
  /** The first ones. */
  readonly examples: readonly KeptLetter[];
}

export interface LetterList {
  /** Where they are. */
  readonly outputs: readonly string[];
  readonly letters: number;
  /** The most frequent first. Beyond a thousand causes the rest counts as one, which has no name. */
  readonly causes: readonly LetterCause[];
}

const MOST_CAUSES = 1_000;
const EXAMPLES = 3;

/** Groups dead letters by their cause. Memory is that of the causes, whatever the number of letters. */
export async function listLetters(readers: readonly DeadLetterReader[], signal: AbortSignal): Promise<LetterList> {
  const causes = new Map<
    string,
    { kind: KeptLetter['kind']; cause: string; letters: number; examples: KeptLetter[] }
  >();
  let letters = 0;
  for (const reader of readers) {
    for await (const letter of reader.read(signal)) {
      letters += 1;
      const named = causeOf(letter);
      const key = causes.has(named) || causes.size < MOST_CAUSES ? named : '';
      const found = causes.get(key) ?? {
        kind: letter.kind,
        cause: key.slice(key.indexOf(' ') + 1),
        letters: 0,
        examples: [],
      };
      found.letters += 1;
      if (found.examples.length < EXAMPLES) found.examples.push(letter);
      causes.set(key, found);
    }
  }
  return {
    outputs: readers.map(({ name }) => name),
    letters,
    causes: [...causes.values()]
      .toSorted((a, b) => b.letters - a.letters)
      .map((cause) => ({
        ...cause,
        cause: cause.letters === 1 ? (cause.examples[0]?.reason ?? cause.cause) : cause.cause,
      })),
  };
}

/** Servers put rows, lines and values into their reasons: what is alike but for numbers is one cause. */
function causeOf({ kind, reason }: KeptLetter): string {
  return `${kind} ${reason.replaceAll(/-?\d+(\.\d+)?/g, '#')}`;
}
