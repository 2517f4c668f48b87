import { messageOf } from '../core/error.ts';
import { exitCodes } from './exit-codes.ts';

/**
 * Lets standard streams break. With no listener, the first write to one whose reader has left (`| head`, a log that is gone) would end the
 * process, a run in the middle of its work too. What is said on standard error matters less than the work; whoever leaves
 * standard output has seen enough. Output that is lost otherwise (a full disk) is told at the end, if the command has not failed by it.
 */
export function bearBrokenStreams(): void {
  let loss: NodeJS.ErrnoException | null = null;
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') loss ??= error;
  });
  process.on('exit', (code) => {
    if (loss === null || code !== exitCodes.done) return;
    const isFull = loss.code === 'ENOSPC' || loss.code === 'EDQUOT';
    const why = isFull
      ? 'leads to a disk that is full. Free some space, and ask again.'
      : `cannot be written: ${messageOf(loss)}`;
    process.stderr.write(`sluice: OUTPUT_${isFull ? 'FULL' : 'UNWRITABLE'}: standard output ${why}\n`);
    process.exitCode = exitCodes.failed;
  });
}
