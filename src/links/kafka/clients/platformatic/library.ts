import { SluiceError } from '../../../../core/error.ts';

/** The client library: its connections, request formats and codecs are used, its producers and consumers are not. */
export type Library = typeof import('@platformatic/kafka');

/** Loads the optional package; CONFIG_INVALID when it is not installed. */
export async function loadLibrary(): Promise<Library> {
  try {
    return await import('@platformatic/kafka');
  } catch (error) {
    throw new SluiceError(
      'CONFIG_INVALID',
      'the Kafka client platformatic needs a package that cannot be loaded; run `npm install @platformatic/kafka`, or use the client kafkajs',
      { cause: error },
    );
  }
}
