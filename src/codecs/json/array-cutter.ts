import type { Token } from 'stream-json/core/parser.js';
import { SluiceError } from '../../core/error.ts';
import { ElementText } from './element-text.ts';
import { pathText } from './json-path.ts';

/** An object or array that is open around the token at hand, and where in it we are. */
interface Level {
  /** -1 before the first item of an array; null in an object. */
  index: number | null;
  key: string;
}

/** No name in a path is longer; of a longer key so much is kept. */
const MOST_KEY = 65_536;

/** Paths of arrays that a message lists. */
const MOST_SHOWN = 5;
/** Nobody means one that is deeper, and of a million brackets each would be looked at for all that are open. */
const DEEPEST_SHOWN = 32;

/** Finds the array at a path in the tokens of a document, and writes each of its elements on a line. */
export class ArrayCutter {
  readonly #name: string;
  readonly #path: readonly string[];
  readonly #levels: Level[] = [];
  readonly #elements = new ElementText();
  readonly #seen: string[] = [];
  #state: 'before' | 'within' | 'behind' = 'before';
  #count = 0;
  #isWhole = false;
  #isEmpty = true;
  /** Whether the text that comes is that of a key: a value may be of any length. */
  #isKey = false;

  constructor(name: string, path: readonly string[]) {
    this.#name = name;
    this.#path = path;
  }

  /** Elements so far. */
  get count(): number {
    return this.#count;
  }

  /** The lines that were written since the last call. */
  take(): string {
    return this.#elements.take();
  }

  see(token: Token): void {
    this.#isEmpty = false;
    if (this.#state === 'within') this.#within(token);
    else this.#around(token);
  }

  /** The document has ended. */
  finish(): void {
    if (this.#isEmpty)
      throw new SluiceError(
        'INTAKE_EMPTY',
        `${this.#name} is empty. Check that the right file was given and written completely.`,
      );
    if (!this.#isWhole)
      throw this.#broken(
        `it ends within the document, behind element ${this.#count}. Check that it was written completely.`,
      );
    if (this.#state !== 'before') return;
    const found = this.#seen.length > 0 ? ` It has arrays at ${this.#seen.join(', ')}.` : '';
    throw this.#broken(`it has no array at ${pathText(this.#path)}.${found} Set intakeSettings.jsonPath.`);
  }

  #within(token: Token): void {
    const elements = this.#elements;
    if (elements.depth === 0) {
      if (token.name === 'endArray') {
        this.#state = 'behind';
        this.#leave();
        return;
      }
      if (token.name !== 'startObject') {
        throw this.#broken(
          `element ${this.#count + 1} of the array at ${pathText(this.#path)} is no object, so it has no columns. Give every row as an object.`,
        );
      }
    }
    elements.write(token);
    if (elements.depth > 0) return;
    elements.separate('\n');
    this.#count += 1;
  }

  #around(token: Token): void {
    const level = this.#levels.at(-1);
    switch (token.name) {
      case 'startKey':
        level!.key = '';
        this.#isKey = true;
        break;
      case 'endKey':
        this.#isKey = false;
        break;
      case 'stringChunk':
        if (this.#isKey && level!.key.length <= MOST_KEY) level!.key += token.value;
        break;
      case 'startObject':
      case 'startArray':
        this.#enter(token.name === 'startArray');
        break;
      case 'endObject':
      case 'endArray':
        this.#leave();
        break;
      case 'startString':
      case 'startNumber':
      case 'nullValue':
      case 'trueValue':
      case 'falseValue':
        this.#value('a single value');
        break;
      case 'endNumber':
      case 'endString':
      case 'keyValue':
      case 'numberChunk':
      case 'numberValue':
      case 'stringValue':
      case 'whitespace':
        break;
      default:
        token satisfies never;
    }
  }

  #enter(isArray: boolean): void {
    const isTarget = this.#value(isArray ? null : 'an object');
    if (isArray && this.#state === 'before') this.#show();
    this.#levels.push({ index: isArray ? -1 : null, key: '' });
    if (isTarget) this.#state = 'within';
  }

  /** Notes the place of an array for the message that there is none where one should be. */
  #show(): void {
    if (this.#seen.length >= MOST_SHOWN || this.#levels.length > DEEPEST_SHOWN) return;
    const path = this.#levels.map(({ key }) => key);
    if (!path.some((step) => /^\d+$/.test(step))) this.#seen.push(pathText(path));
  }

  /** A value begins; true when it is the array that is looked for. Throws when something else stands at its path. */
  #value(kind: string | null): boolean {
    const level = this.#levels.at(-1);
    if (level !== undefined && level.index !== null) {
      level.index += 1;
      level.key = String(level.index);
    }
    const isThere =
      this.#state === 'before' &&
      this.#levels.length === this.#path.length &&
      this.#levels.every(({ key }, i) => key === this.#path[i]);
    if (!isThere || kind === null) return isThere;
    // An object at the top may hold the array: all of it is looked at for the message.
    if (this.#path.length > 0 || kind !== 'an object')
      throw this.#broken(
        `at ${pathText(this.#path)} stands ${kind}, and no array of rows. Set intakeSettings.jsonPath.`,
      );
    return false;
  }

  #leave(): void {
    this.#levels.pop();
    if (this.#levels.length === 0) this.#isWhole = true;
  }

  #broken(reason: string): SluiceError {
    return new SluiceError('FORMAT_BROKEN', `${this.#name}: ${reason}`);
  }
}
