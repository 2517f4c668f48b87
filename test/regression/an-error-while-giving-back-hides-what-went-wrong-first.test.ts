import { expect, test } from 'vitest';
import { findSluiceError, firstError, messageOf, SluiceError } from '../../src/core/error.ts';

// A topic that was removed under a job failed the score stage with KAFKA_TOPIC_MISSING, and then the disposal of its lease; the
// command said "SuppressedError: An error was suppressed during disposal".
test('an error while something is given back does not hide what went wrong first', async () => {
  const first = new SluiceError('KAFKA_TOPIC_MISSING', 'the topic was removed');
  const fails = (): AsyncDisposable => ({ [Symbol.asyncDispose]: () => Promise.reject(new Error('cannot commit')) });
  const using = async (): Promise<never> => {
    await using _outer = fails();
    await using _inner = fails();
    throw first;
  };
  const thrown: unknown = await using().catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(SuppressedError);
  expect(firstError(thrown)).toBe(first);
  expect(findSluiceError(thrown)).toBe(first);
  expect(messageOf(thrown)).toBe('the topic was removed');
});
