import type { Mechanism } from 'kafkajs';
import { messageOf, SluiceError } from '../../../../core/error.ts';

/**
 * Logs in with a bearer token (RFC 7628), asked for anew for each connection. kafkajs's own way takes a refusal, which comes as a
 * challenge, for a success; the requests that follow then fail as if brokers were away.
 */
export function oauthLogin(ask: () => Promise<string>): Mechanism {
  return {
    mechanism: 'oauthbearer',
    authenticationProvider: ({ saslAuthenticate }) => ({
      authenticate: async () => {
        const token = await tokenOf(ask);
        const refusal = await saslAuthenticate({
          request: { encode: () => withLength(`n,,\u0001auth=Bearer ${token}\u0001\u0001`) },
          response: { decode: (reply) => reply.subarray(LENGTH_BYTES), parse: String },
        });
        if (refusal)
          throw refused(`Kafka: the broker refuses the token of kafka.sasl: ${refusal}; give it another one`);
      },
    }),
  };
}

const LENGTH_BYTES = 4;

/** Kafka's bytes: their number, and they themselves. */
function withLength(text: string): Buffer {
  const bytes = Buffer.alloc(LENGTH_BYTES + Buffer.byteLength(text));
  bytes.writeInt32BE(bytes.length - LENGTH_BYTES);
  bytes.write(text, LENGTH_BYTES);
  return bytes;
}

async function tokenOf(ask: () => Promise<string>): Promise<string> {
  try {
    return await ask();
  } catch (cause) {
    throw refused(`the token for Kafka could not be had: ${messageOf(cause)}`, { cause });
  }
}

/** kafkajs repeats whatever does not say that it is final. */
function refused(message: string, options?: { readonly cause: unknown }): Error {
  return Object.assign(new SluiceError('KAFKA_ACCESS', message, options), { retriable: false });
}
