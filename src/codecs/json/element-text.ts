import type { Token } from 'stream-json/core/parser.js';

/** Writes the tokens of values as compact JSON: numbers as they stand, to the digit. */
export class ElementText {
  #text = '';
  #depth = 0;
  /** A comma stands before the next key or value. */
  #comma = false;

  /** Depth within the value that is being written; 0 between values. */
  get depth(): number {
    return this.#depth;
  }

  /** What was written since the last call. */
  take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }

  /** Text between two values. */
  separate(text: string): void {
    this.#text += text;
    this.#comma = false;
  }

  write(token: Token): void {
    switch (token.name) {
      case 'startObject':
        this.#open('{');
        break;
      case 'startArray':
        this.#open('[');
        break;
      case 'endObject':
        this.#close('}');
        break;
      case 'endArray':
        this.#close(']');
        break;
      case 'startKey':
        this.#begin('"');
        break;
      case 'endKey':
        this.#text += '":';
        this.#comma = false;
        break;
      case 'startString':
        this.#begin('"');
        break;
      case 'endString':
        this.#text += '"';
        this.#comma = true;
        break;
      case 'stringChunk':
        this.#text += JSON.stringify(token.value).slice(1, -1);
        break;
      case 'startNumber':
        this.#begin('');
        break;
      case 'numberChunk':
        this.#text += token.value;
        break;
      case 'endNumber':
        this.#comma = true;
        break;
      case 'nullValue':
      case 'trueValue':
      case 'falseValue':
        this.#begin(String(token.value));
        this.#comma = true;
        break;
      case 'keyValue':
      case 'numberValue':
      case 'stringValue':
      case 'whitespace':
        break;
      default:
        token satisfies never;
    }
  }

  #begin(text: string): void {
    this.#text += this.#comma ? `,${text}` : text;
  }

  #open(bracket: string): void {
    this.#begin(bracket);
    this.#comma = false;
    this.#depth += 1;
  }

  #close(bracket: string): void {
    this.#text += bracket;
    this.#comma = true;
    this.#depth -= 1;
  }
}
