import { SluiceError } from '../core/error.ts';

/** How a reply is written. */
export type ReplyFormat = 'json' | 'csv';

const TYPES: readonly (readonly [string, ReplyFormat])[] = [
  ['application/json', 'json'],
  ['text/csv', 'csv'],
  ['*/*', 'json'],
  ['application/*', 'json'],
  ['text/*', 'csv'],
];

/** What an Accept header asks for, by its weights, and in doubt by its order; JSON without one. Throws with status 406 when it takes neither. */
export function replyFormat(accept: string | undefined): ReplyFormat {
  if (accept === undefined || accept.trim() === '') return 'json';
  let best: { readonly weight: number; readonly format: ReplyFormat } | undefined;
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const format = TYPES.find(([name]) => name === type)?.[1];
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    const weight = quality === undefined ? 1 : Number(quality.slice(2));
    if (format !== undefined && weight > (best?.weight ?? 0)) best = { weight, format };
  }
  if (best !== undefined) return best.format;
  throw new SluiceError('REQUEST_INVALID', 'Replies are application/json or text/csv; accept one of them.', {
    status: 406,
  });
}
