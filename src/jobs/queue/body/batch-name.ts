import * as z from 'zod';

/** A name of a batch of monitoring, or what it begins with. Not every database takes every character. */
export const batchName = (most: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(most)
    .refine((text) => !/\p{Cc}/u.test(text), { error: 'must have no control characters' });
