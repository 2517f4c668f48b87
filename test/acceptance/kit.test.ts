import { describe, expect, test } from 'vitest';
import { decodeRecord, encodeRecords } from '../../src/core/canonical-csv.ts';
import { RowBatch } from '../../src/core/row-batch.ts';
import type { Sink } from '../../src/core/sink.ts';
import type { Source } from '../../src/core/source.ts';
import {
  type AcceptanceCheck,
  abortLeavesNothing,
  acceptSink,
  acceptSource,
  checkNamesWhatIsWrong,
  deliveredAgainIsWrittenOnce,
  difficultValuesAreRead,
  difficultValuesAreWritten,
  sinkKeepsSecrets,
  sourceKeepsSecrets,
  splitsInParallel,
  stoppedReaderStopsReading,
} from '../../src/testing.ts';
import { fileIntakeFaults } from './file-checks.ts';
import { difficultFile, fileIntake, wideFile } from './file-intake.ts';
import { fileOutputs } from './file-output.ts';

/** The names of the checks that fail. */
async function failures(checks: readonly AcceptanceCheck[]): Promise<readonly string[]> {
  const names: string[] = [];
  for (const check of checks) await check.run().catch(() => names.push(check.name));
  return names;
}

/** Faults of sinks, each as a change of one that has none. */
const sinkFaults: Readonly<Record<string, { readonly spoil: (sink: Sink) => Partial<Sink>; readonly caught: RegExp }>> =
  {
    'says that more is durable than is': {
      spoil: (sink) => ({
        commit: async (signal) => {
          const ledger = await sink.commit(signal);
          return { ...ledger, sequence: ledger.sequence + 1 };
        },
      }),
      caught: /commit gives a ledger/,
    },
    'keeps what was not committed': {
      spoil: (sink) => ({
        close: async () => {
          await sink.commit(new AbortController().signal).catch(() => undefined);
          await sink.close();
        },
      }),
      caught: /ends anywhere leaves exactly/,
    },
    'loses dead letters': {
      spoil: (sink) => ({
        write: (batch, schema, signal) => sink.write({ ...batch, deadLetters: [] }, schema, signal),
      }),
      caught: /an undisturbed run/,
    },
    'continues the output of any job': {
      spoil: (sink) => ({ open: (_job, signal) => sink.open({ any: 'job' }, signal) }),
      caught: /another job is refused/,
    },
    'forgets to take its staged files away': {
      spoil: () => ({ discard: async () => undefined }),
      caught: /discard leaves nothing/,
    },
  };

/** Faults of sources. */
const sourceFaults: Readonly<
  Record<string, { readonly spoil: (source: Source) => Partial<Source>; readonly caught: RegExp }>
> = {
  'reads on from the start when it continues': {
    spoil: (source) => ({ read: (split, _after, limits, signal) => source.read(split, null, limits, signal) }),
    caught: /continuing at any position/,
  },
  'is the same whatever it holds': {
    spoil: (source) => ({
      identity: async (signal) => {
        await source.identity(signal);
        return 'the same';
      },
    }),
    caught: /changed intake/,
  },
  'loses the last batch of each split': {
    spoil: (source) => ({
      async *read(split, after, limits, signal) {
        let held: RowBatch | undefined;
        for await (const batch of source.read(split, after, limits, signal)) {
          if (held !== undefined) yield held;
          held = batch;
        }
      },
    }),
    caught: /all rows come in order/,
  },
  'pays no heed to an abort': {
    spoil: (source) => ({
      read: (split, after, limits) => source.read(split, after, limits, new AbortController().signal),
    }),
    caught: /aborted read rejects/,
  },
};

/** The part with some of its methods in another form. */
function changed<T extends Sink | Source>(part: T, changes: Partial<T>): T {
  return new Proxy(part, {
    get: (target, name) => {
      const changedPart = Reflect.get(changes, name) as unknown;
      if (changedPart !== undefined) return changedPart;
      if (name === Symbol.asyncDispose) return () => (changes.close ?? target.close)();
      return Reflect.get(target, name) as unknown;
    },
  });
}

describe('the acceptance kit finds out a sink that', () => {
  const driver = fileOutputs('scored.csv');
  for (const [fault, { spoil, caught }] of Object.entries(sinkFaults)) {
    test(fault, async () => {
      const place: typeof driver.place = async () => {
        const sound = await driver.place();
        const sink: typeof sound.sink = (options) => {
          const made = sound.sink(options);
          return changed(made, spoil(made));
        };
        return { ...sound, sink };
      };
      // The runs in processes of their own would not have the fault.
      const checks = acceptSink({ ...driver, place }).filter(({ name }) => !name.includes('killed'));
      expect(await failures(checks)).toContainEqual(expect.stringMatching(caught));
    });
  }
});

describe('the acceptance kit finds out a source that', () => {
  for (const [fault, { spoil, caught }] of Object.entries(sourceFaults)) {
    test(fault, async () => {
      const checks = acceptSource(async () => {
        const sound = await fileIntake({ compression: 'none', delimiter: ',', encoding: 'utf-8', newline: '\n' });
        const source: typeof sound.source = () => {
          const made = sound.source();
          return changed(made, spoil(made));
        };
        return { ...sound, source };
      });
      expect(await failures(checks)).toContainEqual(expect.stringMatching(caught));
    });
  }
});

/** The check of a part with a fault must fail. */
async function fails(check: AcceptanceCheck): Promise<void> {
  await expect(check.run(), check.name).rejects.toThrow();
}

const plain = { compression: 'none', delimiter: ',', encoding: 'utf-8', newline: '\n' } as const;

/** A driver whose sources have a fault. */
function faulty<D extends { readonly source: () => Source }>(
  make: () => Promise<D>,
  spoil: (source: Source) => Partial<Source>,
) {
  return async (): Promise<D> => {
    const sound = await make();
    const source = (): Source => {
      const made = sound.source();
      return changed(made, spoil(made));
    };
    return { ...sound, source, close: () => (sound as unknown as { close(): Promise<void> }).close() };
  };
}

describe('each check by itself finds out', () => {
  test('a source that reads its whole intake before it gives a row', async () => {
    const wide = await wideFile();
    const hoarding = async () => ({
      ...wide,
      taken: () => wide.taken(),
      source: () => {
        const made = wide.source();
        return changed(made, {
          async *read(split, after, limits, signal) {
            const all: RowBatch[] = [];
            for await (const batch of made.read(split, after, limits, signal)) all.push(batch);
            yield* all;
          },
        });
      },
    });
    await fails(stoppedReaderStopsReading(hoarding));
  });

  test('a source that takes an empty string for null', async () => {
    const blurred = faulty(
      () => difficultFile([['0', '']]),
      (source) => ({
        async *read(split, after, limits, signal) {
          for await (const { schema, origin, ...batch } of source.read(split, after, limits, signal)) {
            void batch;
            yield RowBatch.fromRecords(schema, origin, [['0', null]]);
          }
        },
      }),
    );
    await fails(difficultValuesAreRead(() => blurred()));
  });

  test('a source that gives the rows of the first split for each', async () => {
    await fails(
      splitsInParallel(
        faulty(
          () => fileIntake(plain),
          (source) => ({
            async *read(_split, after, limits, signal) {
              const [first] = await source.splits(signal);
              yield* source.read(first!, after, limits, signal);
            },
          }),
        ),
      ),
    );
  });

  test('a source that keeps a secret in its identity', async () => {
    const telling = faulty(
      async () => ({ ...(await fileIntake(plain)), secrets: ['correct horse'] }),
      (source) => ({
        identity: async (signal) => ({ found: await source.identity(signal), password: 'correct horse' }),
      }),
    );
    await fails(sourceKeepsSecrets(telling));
  });

  test('a check that finds nothing wrong, or says the same of everything', async () => {
    const silent = async () => {
      const driver = await fileIntakeFaults();
      const faults = Object.entries(driver.faults).map(([what, fault]) => {
        const part = (): Source => changed(fault.part() as Source, { check: async () => undefined });
        return [what, { ...fault, part }] as const;
      });
      return { ...driver, faults: Object.fromEntries(faults) };
    };
    await fails(checkNamesWhatIsWrong(silent));
  });

  const outputs = fileOutputs('scored.csv');
  const withFault = (spoil: (sink: Sink) => Partial<Sink>): typeof outputs => ({
    ...outputs,
    place: async () => {
      const sound = await outputs.place();
      const sink: typeof sound.sink = (options) => {
        const made = sound.sink(options);
        return changed(made, spoil(made));
      };
      return { ...sound, sink };
    },
  });

  test('a sink that leaves its files when it is discarded', async () => {
    await fails(abortLeavesNothing(withFault(() => ({ discard: async () => undefined }))));
  });

  test('a sink that loses an empty string', async () => {
    const blurring = withFault((sink) => ({
      write: (batch, schema, signal) => {
        const records = Array.from(batch.output.ends, (end, row) =>
          decodeRecord(batch.output.bytes, row === 0 ? 0 : batch.output.ends[row - 1]!, end).map(
            (cell) => cell || null,
          ),
        );
        return sink.write({ ...batch, output: { ...batch.output, ...encodeRecords(records) } }, schema, signal);
      },
    }));
    await fails(difficultValuesAreWritten(blurring));
  });

  test('a sink that keeps what was not committed', async () => {
    const keeping = withFault((sink) => ({
      open: async (job, signal) => {
        const ledger = await sink.open(job, signal);
        return ledger === null ? null : { ...ledger, sequence: Math.max(0, ledger.sequence - 1) };
      },
    }));
    await fails(deliveredAgainIsWrittenOnce(keeping));
  });

  test('a ledger with a secret in it', async () => {
    // The identity of the planned job is in every ledger: taken for a secret it must be found.
    const telling = { ...outputs, place: async () => ({ ...(await outputs.place()), secrets: ['planned'] }) };
    await fails(sinkKeepsSecrets(telling));
  });
});
