import { SluiceError } from '../../core/error.ts';

/** An Avro file that is not sound. @param byte the offset of the block, unpacked. */
export function brokenAvro(name: string, byte: number, reason: string, cause?: unknown): SluiceError {
  return new SluiceError(
    'FORMAT_BROKEN',
    `${name} is no sound Avro file in the block at byte ${byte}: ${reason}. Check that it was written completely, or set intakeSettings.format.`,
    cause === undefined ? {} : { cause },
  );
}

export function noAvro(name: string, reason: string): SluiceError {
  return new SluiceError(
    'FORMAT_BROKEN',
    `${name} is no Avro file: ${reason}. Set intakeSettings.format to what it is.`,
  );
}
