import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fixedLimiter } from '../../../src/scoring/limiter/fixed-limiter.ts';
import type { Permit } from '../../../src/scoring/limiter.ts';
import { never } from './rows.ts';

const done = { latencyMs: 1, rows: 1, result: 'ok' } as const;

it('permits are never more than the limit, and go to those who came first', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.constantFrom('acquire', 'release', 'abort'), { maxLength: 60 }),
      async (limit, steps) => {
        const limiter = fixedLimiter(limit);
        const held: Permit[] = [];
        const granted: number[] = [];
        const waiting: { readonly number: number; readonly stop: AbortController }[] = [];
        const gone = new Set<number>();
        let came = 0;
        for (const step of steps) {
          if (step === 'acquire') {
            const number = came;
            came += 1;
            const stop = new AbortController();
            waiting.push({ number, stop });
            const turn = async (): Promise<void> => {
              try {
                held.push(await limiter.acquire(stop.signal));
                granted.push(number);
              } catch {
                gone.add(number);
              }
            };
            void turn();
          } else if (step === 'release') held.shift()?.release(done);
          else waiting.findLast(({ number }) => !granted.includes(number) && !gone.has(number))?.stop.abort();
          await Promise.resolve().then(() => Promise.resolve());
          expect(held.length).toBe(limiter.inFlight);
          expect(held.length).toBeLessThanOrEqual(limit);
          expect(held.length).toBe(Math.min(limit, came - gone.size - (granted.length - held.length)));
        }
        expect(granted).toEqual(granted.toSorted((a, b) => a - b));
      },
    ),
  );
});

it('a permit released twice is given back once', async () => {
  const limiter = fixedLimiter(1);
  const permit = await limiter.acquire(never);
  permit.release(done);
  permit.release(done);
  expect(limiter.inFlight).toBe(0);
  await limiter.acquire(never);
  expect(limiter.inFlight).toBe(1);
});

it('nobody who comes with an aborted signal gets one', async () => {
  const limiter = fixedLimiter(1);
  await expect(limiter.acquire(AbortSignal.abort(new Error('no')))).rejects.toThrow('no');
  expect(limiter.inFlight).toBe(0);
});
