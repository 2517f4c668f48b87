import { whole } from './list-query.ts';

/** Which page of a list is asked for. */
export const pageFields = {
  offset: whole(0, 999_999_999).prefault('0').describe('Entries to leave out.'),
  limit: whole(0, 1_000)
    .transform((limit) => (limit === 0 ? 100 : limit))
    .prefault('100')
    .describe('Entries on a page, 1,000 at the most; 0 for 100.'),
};
