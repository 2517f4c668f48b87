import { createMemoryLink } from '../../../src/links/memory/memory-link.ts';
import { linkBehaviours } from './link-behaviours.ts';

interface Labelled {
  readonly label: number;
  readonly bytes: number;
}

linkBehaviours<Labelled>(
  'memory',
  async (wish) => {
    const link = createMemoryLink<Labelled>({ ...wish, sizeOf: ({ bytes }) => bytes });
    return {
      open: async () => link,
      value: (label, bytes) => ({ label, bytes }),
      label: ({ label }) => label,
      settle: () => new Promise((resolve) => setImmediate(resolve)),
      [Symbol.asyncDispose]: () => link[Symbol.asyncDispose](),
    };
  },
  { lasting: false, bounded: true },
  100,
);
