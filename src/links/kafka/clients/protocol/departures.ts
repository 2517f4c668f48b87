import type { ProducerWire, Shipment, ShipmentOutcome } from './producer-wire.ts';

interface Passenger extends Shipment {
  readonly settle: (outcome: ShipmentOutcome) => void;
}

/** One request holds at most so many bytes, but for a single larger batch. */
const requestBytes = 8 * 1024 * 1024;

/** Puts what is ready at the same moment for the same leader into one request. */
export class Departures {
  readonly #wire: ProducerWire;
  #waiting = new Map<number, Passenger[]>();

  constructor(wire: ProducerWire) {
    this.#wire = wire;
  }

  /** Resolves when the batch is written; rejects with the library's error. */
  async ship(shipment: Shipment): Promise<void> {
    const leader = await this.#wire.leader(shipment.topic, shipment.partition);
    const outcome = await new Promise<ShipmentOutcome>((settle) => {
      if (this.#waiting.size === 0) setImmediate(() => this.#depart());
      let waiting = this.#waiting.get(leader);
      if (waiting === undefined) {
        waiting = [];
        this.#waiting.set(leader, waiting);
      }
      waiting.push({ ...shipment, settle });
    });
    if (outcome !== null) throw outcome;
  }

  #depart(): void {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const [leader, passengers] of waiting) {
      for (let start = 0; start < passengers.length; ) {
        let end = start;
        for (let bytes = 0; end < passengers.length; end += 1) {
          bytes += passengers[end]?.batch.length ?? 0;
          if (end > start && bytes > requestBytes) break;
        }
        void this.#send(leader, passengers.slice(start, end));
        start = end;
      }
    }
  }

  async #send(leader: number, passengers: readonly Passenger[]): Promise<void> {
    try {
      const outcomes = await this.#wire.produce(leader, null, passengers);
      passengers.forEach((passenger, index) => passenger.settle(outcomes[index] ?? null));
    } catch (error) {
      for (const passenger of passengers) passenger.settle(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
