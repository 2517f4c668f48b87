/** Where a broker is. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`; an IPv6 address stands in brackets. */
export function brokerAddress(broker: string): BrokerAddress {
  const at = broker.lastIndexOf(':');
  const host = broker.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(broker.slice(at + 1)) };
}
