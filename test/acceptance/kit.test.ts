import { describe, expect, test } from 'vitest';
import { RowBatch } from '../../src/core/row-batch.ts';
import type { Sink } from '../../src/core/sink.ts';
import type { Source } from '../../src/core/source.ts';
import { type AcceptanceCheck, acceptSink, acceptSource } from '../../src/testing.ts';
import { fileIntake } from './file-intake.ts';
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
