import { InvalidArgumentError } from 'commander';

/** An option's value that must be a port to listen on; 0 is any free one. */
export function portNumber(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new InvalidArgumentError('it must be a whole number from 0 to 65535.');
  return Number(text);
}
