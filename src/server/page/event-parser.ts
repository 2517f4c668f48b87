/** One event of a stream. */
export interface StreamEvent {
  readonly name: string;
  readonly data: string;
}

/** Finds server-sent events in a stream of text that may be cut anywhere. Comments and what is not an event it passes over. */
export class EventParser {
  #rest = '';

  /** The events that have become whole by this piece. */
  feed(piece: string): readonly StreamEvent[] {
    const parts = (this.#rest + piece).split('\n\n');
    this.#rest = parts.pop() ?? '';
    return parts.flatMap((part) => {
      const fields = part.split('\n').map((line) => /^(event|data): ?(.*)$/s.exec(line));
      const of = (wanted: string): string[] =>
        fields.flatMap((field) => (field?.[1] === wanted ? [field[2] ?? ''] : []));
      const data = of('data');
      return data.length === 0 ? [] : [{ name: of('event')[0] ?? 'message', data: data.join('\n') }];
    });
  }
}
