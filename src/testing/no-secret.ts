import assert from 'node:assert/strict';
import { inspect } from 'node:util';

const DEPTH = 12;

/** Asserts that no secret is in a text, or in anything that would be seen of a value in a log: properties, causes, stacks. */
export function assertNoSecret(value: unknown, secrets: readonly string[], where: string): void {
  const seen = typeof value === 'string' ? value : `${inspect(value, { depth: DEPTH })}\n${asJson(value)}`;
  for (const [index, secret] of secrets.entries()) {
    assert.ok(secret.length >= 6, `secret ${index} is too short to be told from other text`);
    // Not the secret itself: this message may be printed.
    assert.ok(!seen.includes(secret), `${where} shows secret ${index}`);
  }
}

function asJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
}

/** Everything that is written to standard output and standard error, by this process, while something works. */
export async function written(work: () => Promise<void>): Promise<string> {
  const texts: string[] = [];
  const streams = [process.stdout, process.stderr] as unknown as { write: (...args: unknown[]) => unknown }[];
  const originals = streams.map((stream) => stream.write);
  for (const [index, stream] of streams.entries()) {
    stream.write = (...args: unknown[]) => {
      const [chunk] = args;
      texts.push(chunk instanceof Uint8Array ? Buffer.from(chunk).toString() : String(chunk));
      return originals[index]!.apply(stream, args);
    };
  }
  try {
    await work();
  } finally {
    for (const [index, stream] of streams.entries()) stream.write = originals[index]!;
  }
  return texts.join('');
}
