import * as z from 'zod';

/** When a part of a live topic is full; for outputs whose parts are files or objects. */
export const rollFields = z
  .strictObject({
    rows: z.int().min(1).default(1_000_000).describe('Rows of one part at the most.'),
    bytes: z.int().min(1).default(256_000_000).describe('Bytes of CSV of one part, about.'),
    seconds: z.number().min(0.1).default(300).describe('How long a part takes rows, from its first one on.'),
  })
  .prefault({})
  .describe('When a part of a live topic is finished and the next one begun: at whichever comes first.');
